"""Claude over the Messages API, with our own loop and tools.

Set up by the names that Anthropic's own SDK uses: ANTHROPIC_API_KEY or
ANTHROPIC_AUTH_TOKEN, ANTHROPIC_BASE_URL (any server that speaks the Messages API), and
ANTHROPIC_MODEL. With neither a key nor a base URL it uses the embedded model.
"""

from functools import lru_cache

import anthropic
import httpx2

from agents.providers.anthropic import AnthropicEndpoint
from agents.providers.connections import KEPT_CLIENTS, make_timeout
from agents.providers.wire import Wire
from agents.runtimes.direct.anthropic.embedded_wire import EmbeddedWire
from agents.runtimes.direct.anthropic.wire import MessagesWire
from agents.runtimes.direct.base import DirectRuntime
from agents.runtimes.direct.model_setup import ModelSetup


class AnthropicDirect(DirectRuntime):
    """Claude over the Messages API."""

    make_client = anthropic.DefaultAioHttpClient

    def make_wire(self, client: httpx2.AsyncClient, setup: ModelSetup) -> Wire:
        endpoint = AnthropicEndpoint.from_environment()
        sdk = _get_sdk(endpoint, client, self.read_seconds)
        kind = EmbeddedWire if endpoint.is_embedded else MessagesWire
        return kind(sdk, endpoint.with_model(setup.model), setup)


@lru_cache(maxsize=KEPT_CLIENTS)
def _get_sdk(
    endpoint: AnthropicEndpoint, client: httpx2.AsyncClient, read_seconds: float
) -> anthropic.AsyncAnthropic:
    """Return the SDK over an HTTP client that runs share. It is not to be closed.

    Kept, since each new one asks a thread what platform this is.
    """
    return anthropic.AsyncAnthropic(
        api_key=endpoint.api_key,
        auth_token=endpoint.auth_token,
        base_url=endpoint.address,
        default_headers=endpoint.headers,
        http_client=client,
        max_retries=0,
        timeout=make_timeout(read_seconds),
    )
