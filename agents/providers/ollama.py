"""Where the requests go: read from the environment at the start of every run."""

import re
from dataclasses import dataclass
from typing import ClassVar

from agents.protocol.runtime import RuntimeFailed
from agents.providers.endpoint import Endpoint, check_http_url, read_variable
from tasks.catalog.runtimes import OLLAMA_MODEL

DEFAULT_MODEL = OLLAMA_MODEL[1]
DEFAULT_PORT = 11_434
# Tokens of the model's memory: the server's own default of 4,096 holds no agent's work.
DEFAULT_CONTEXT = 32_768


@dataclass(frozen=True)
class OllamaEndpoint(Endpoint):
    """An Ollama server."""

    api: ClassVar[str] = "Ollama server"
    url_name: ClassVar[str] = "OLLAMA_HOST"
    model_name: ClassVar[str] = OLLAMA_MODEL[0]

    context_tokens: int

    @classmethod
    def from_environment(cls) -> "OllamaEndpoint":
        host = read_variable(cls.url_name)
        if not host:
            raise RuntimeFailed(
                "OLLAMA_HOST is not set. Set it, for example to 127.0.0.1:11434, in the"
                " server's environment and restart it."
            )
        model = read_variable(cls.model_name) or DEFAULT_MODEL
        return cls(
            check_http_url(cls.url_name, _complete_url(host)),
            model,
            _read_context_tokens(),
        )

    @property
    def provider(self) -> str:
        return "ollama"

    @property
    def key_name(self) -> str:
        return "OLLAMA_API_KEY"

    @property
    def too_long_message(self) -> str:
        return (
            f"The conversation does not fit into the {self.context_tokens:,} tokens of"
            f" OLLAMA_CONTEXT_LENGTH, or of {self.model} itself. Raise it in the server's"
            " environment and restart it, or start the task afresh with less."
        )

    @property
    def unknown_model_message(self) -> str:
        place = (
            "the task or in its profile"
            if self.is_chosen
            else "OLLAMA_MODEL in the server's environment"
        )
        return (
            f"{self.url} does not have the model {self.model}. Get it there with `ollama pull"
            f" {self.model}`, or name another in {place}."
        )


def _complete_url(host: str) -> str:
    """Complete what Ollama's own tools take: a host, with or without scheme and port."""
    scheme, _, rest = host.rpartition("://")
    place, slash, path = rest.partition("/")
    if not re.search(r":\d+$", place):
        port = {"http": 80, "https": 443}.get(scheme, DEFAULT_PORT)
        place = f"{place.removesuffix(':')}:{port}"
    # What it listens on, and not an address to call.
    place = re.sub(r"^0\.0\.0\.0:", "127.0.0.1:", place)
    return f"{scheme or 'http'}://{place}{slash}{path}".rstrip("/")


def _read_context_tokens() -> int:
    text = read_variable("OLLAMA_CONTEXT_LENGTH") or str(DEFAULT_CONTEXT)
    if not text.isdecimal() or int(text) < 1:
        raise RuntimeFailed(
            f"OLLAMA_CONTEXT_LENGTH takes a number of tokens; got {text!r}. Correct it in the"
            " server's environment and restart it."
        )
    return int(text)
