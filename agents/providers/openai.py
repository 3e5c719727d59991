"""Where the requests go: read from the environment at the start of every run."""

from dataclasses import dataclass
from typing import ClassVar

from agents.protocol.runtime import RuntimeFailed
from agents.providers.endpoint import Endpoint, check_http_url, read_variable
from tasks.catalog.runtimes import OPENAI_MODEL

VENDOR_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = OPENAI_MODEL[1]


@dataclass(frozen=True)
class OpenAIEndpoint(Endpoint):
    """OpenAI, or a server that speaks its Responses API."""

    api: ClassVar[str] = "Responses API"
    url_name: ClassVar[str] = "OPENAI_BASE_URL"
    model_name: ClassVar[str] = OPENAI_MODEL[0]

    api_key: str

    @classmethod
    def from_environment(cls) -> "OpenAIEndpoint":
        given = read_variable(cls.url_name)
        url = check_http_url(cls.url_name, given) if given else ""
        model = read_variable(cls.model_name) or DEFAULT_MODEL
        if api_key := read_variable("OPENAI_API_KEY"):
            endpoint = cls(url or VENDOR_URL, model, api_key)
            endpoint.refuse_login_beside(endpoint.key_name)
            return endpoint
        if url:  # a server that wants no key
            return cls(url, model, "none")
        raise RuntimeFailed(
            "There is no key for OpenAI. Set OPENAI_API_KEY in the server's environment and"
            " restart it."
        )

    @property
    def provider(self) -> str:
        return "openai"

    @property
    def key_name(self) -> str:
        return "OPENAI_API_KEY"
