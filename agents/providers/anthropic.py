"""Where the requests go: read from the environment at the start of every run."""

from dataclasses import dataclass
from typing import ClassVar, Self

from agents.protocol.runtime import RuntimeFailed
from agents.providers import embedded
from agents.providers.endpoint import Endpoint, check_http_url, read_variable
from tasks.catalog.runtimes import ANTHROPIC_MODEL

VENDOR_URL = "https://api.anthropic.com"
DEFAULT_MODEL = ANTHROPIC_MODEL[1]


@dataclass(frozen=True)
class AnthropicEndpoint(Endpoint):
    """Anthropic, a server that speaks its Messages API, or the embedded model."""

    api: ClassVar[str] = "Messages API"
    url_name: ClassVar[str] = "ANTHROPIC_BASE_URL"
    model_name: ClassVar[str] = ANTHROPIC_MODEL[0]

    api_key: str | None = None
    auth_token: str | None = None
    is_embedded: bool = False

    @classmethod
    def from_environment(cls) -> "AnthropicEndpoint":
        given = read_variable(cls.url_name)
        url = check_http_url(cls.url_name, given) if given else ""
        model = read_variable(cls.model_name) or DEFAULT_MODEL
        if api_key := read_variable("ANTHROPIC_API_KEY"):
            return cls(url or VENDOR_URL, model, api_key=api_key)
        if auth_token := read_variable("ANTHROPIC_AUTH_TOKEN"):
            endpoint = cls(url or VENDOR_URL, model, auth_token=auth_token)
            endpoint.refuse_login_beside(endpoint.key_name)
            return endpoint
        if url:  # a server that wants no key
            return cls(url, model, api_key="none")
        if embedded_url := embedded.get_url():
            return cls(embedded_url, embedded.MODEL, api_key="none", is_embedded=True)
        raise RuntimeFailed(
            "There is no key for Anthropic, and no embedded model is running. Set"
            " ANTHROPIC_API_KEY in the server's environment and restart it."
        )

    def with_model(self, model: str) -> Self:
        if self.is_embedded and model not in ("", self.model):
            raise RuntimeFailed(
                f"Only the embedded model is here, and not {model}. Set ANTHROPIC_API_KEY in"
                " the server's environment and restart it."
            )
        return super().with_model(model)

    @property
    def provider(self) -> str:
        return "embedded" if self.is_embedded else "anthropic"

    @property
    def key_name(self) -> str:
        return "ANTHROPIC_AUTH_TOKEN" if self.auth_token else "ANTHROPIC_API_KEY"

    @property
    def headers(self) -> dict[str, str]:
        """The key in the older header too: of compatible servers, each reads one."""
        is_vendor = self.url.startswith(VENDOR_URL)
        key = {} if is_vendor or self.api_key is None else {"X-Api-Key": self.api_key}
        return {**key, **self.login}

    @property
    def too_long_message(self) -> str:
        if not self.is_embedded:
            return super().too_long_message
        return (
            f"This is too long for the embedded model, which reads {embedded.CONTEXT_TOKENS:,}"
            " tokens at most. Set ANTHROPIC_API_KEY for a real one, or ask for less."
        )
