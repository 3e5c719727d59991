"""What each provider that is set up says of its models. Asking costs nothing."""

from collections.abc import Iterator
from typing import Any

import httpx2

from agents.protocol.runtime import RuntimeFailed
from agents.providers.anthropic import AnthropicEndpoint
from agents.providers.endpoint import Endpoint, read_variable
from agents.providers.ollama import OllamaEndpoint
from agents.providers.openai import OpenAIEndpoint

TIMEOUT_SECONDS = 5
Kind = type[AnthropicEndpoint] | type[OpenAIEndpoint] | type[OllamaEndpoint]
# The kind of API, the path of its list, and who is asked, as `ModelList` calls them.
_KINDS: tuple[tuple[Kind, str, str], ...] = (
    (AnthropicEndpoint, "/v1/models?limit=1000", "anthropic"),
    (OpenAIEndpoint, "/models", "openai"),
    (OllamaEndpoint, "/api/tags", "ollama"),
)


def list_endpoints() -> Iterator[tuple[Endpoint, str, str]]:
    """Yield each endpoint that is set up with the URL of its list and its provider's key."""
    for kind, path, provider in _KINDS:
        try:
            endpoint = kind.from_environment()
        except RuntimeFailed:
            continue  # it is not set up, which is no fault
        yield endpoint, endpoint.address.rstrip("/") + path, provider


def ask(endpoint: Endpoint, url: str) -> httpx2.Response:
    """Ask for the list, whatever is answered; raises httpx2.HTTPError."""
    return httpx2.get(url, headers=_make_headers(endpoint), timeout=TIMEOUT_SECONDS)


def read_names(answer: httpx2.Response) -> list[str]:
    """Return the names in an answer; none where it is no list of models."""
    try:
        body = answer.json() if answer.is_success else None
    except ValueError:
        return []
    found = body.get("data", body.get("models")) if isinstance(body, dict) else None
    names = map(_read_name, found if isinstance(found, list) else ())
    return [name for name in names if name]


def _read_name(one: Any) -> str:
    name = one.get("id", one.get("name")) if isinstance(one, dict) else None
    return name if isinstance(name, str) and len(name) <= 200 else ""


def _make_headers(endpoint: Endpoint) -> dict[str, str]:
    key = read_variable(endpoint.key_name)
    headers = dict(endpoint.login)
    if endpoint.key_name == "ANTHROPIC_API_KEY":
        headers |= {"anthropic-version": "2023-06-01"}
        headers |= {"x-api-key": key} if key else {}
    elif key:
        headers["Authorization"] = f"Bearer {key}"
    return headers
