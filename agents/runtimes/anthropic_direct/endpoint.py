"""Where the requests go: read from the environment at the start of every run."""

import os
from dataclasses import dataclass

import httpx2

from agents import embedded
from agents.runtimes.base import RuntimeFailed

VENDOR_URL = "https://api.anthropic.com"
DEFAULT_MODEL = "claude-sonnet-5-5"


@dataclass(frozen=True)
class Endpoint:
    """Where the requests go, and what they are billed as."""

    url: str
    model: str
    api_key: str | None = None
    auth_token: str | None = None
    is_embedded: bool = False

    @classmethod
    def from_environment(cls) -> "Endpoint":
        url = _base_url()
        model = _variable("ANTHROPIC_MODEL") or DEFAULT_MODEL
        if api_key := _variable("ANTHROPIC_API_KEY"):
            return cls(url or VENDOR_URL, model, api_key=api_key)
        if auth_token := _variable("ANTHROPIC_AUTH_TOKEN"):
            return cls(url or VENDOR_URL, model, auth_token=auth_token)
        if url:  # a server that wants no key
            return cls(url, model, api_key="none")
        if embedded_url := embedded.url():
            return cls(embedded_url, embedded.MODEL, api_key="none", is_embedded=True)
        raise RuntimeFailed(
            "There is no key for Anthropic, and no embedded model is running. Set"
            " ANTHROPIC_API_KEY in the server's environment and restart it."
        )

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
        return {} if is_vendor or self.api_key is None else {"X-Api-Key": self.api_key}


def _base_url() -> str:
    url = _variable("ANTHROPIC_BASE_URL")
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = None
    if url and (
        parsed is None or parsed.scheme not in ("http", "https") or not parsed.host
    ):
        raise RuntimeFailed(
            f"ANTHROPIC_BASE_URL is not an http URL: {url}. Correct it in the server's"
            " environment and restart it."
        )
    return url


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()
