"""Claude over the Messages API, with our own loop and tools.

Set up by the names that Anthropic's own SDK uses: ANTHROPIC_API_KEY or
ANTHROPIC_AUTH_TOKEN, ANTHROPIC_BASE_URL (any server that speaks the Messages API), and
ANTHROPIC_MODEL. With neither a key nor a base URL it uses the embedded model.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import anthropic
import httpx2

from agents.events import JSON, UsageSoFar
from agents.providers import embedded
from agents.providers.anthropic import AnthropicEndpoint
from agents.providers.anthropic_failures import as_failure
from agents.providers.connections import KEPT_CLIENTS, read_seconds
from agents.providers.wire import (
    Result,
    RetryPolicy,
    StopReason,
    Turn,
    TurnFailed,
    Wire,
)
from agents.runtimes.direct.anthropic.answer import Answer
from agents.runtimes.direct.loop import DirectRuntime
from agents.tools import ToolSchema

MAX_OUTPUT_TOKENS = 16_384  # of one answer
EMBEDDED_NOTICE = (
    "This run uses the embedded model, which is tiny and free, and talks nonsense. Its"
    " first words may take half a minute. Set ANTHROPIC_API_KEY for a real one."
)


class AnthropicDirect(DirectRuntime):
    def __init__(
        self, *, policy: RetryPolicy | None = None, read_seconds: float | None = None
    ) -> None:
        super().__init__(anthropic.DefaultAioHttpClient, policy=policy)
        self._read_seconds = read_seconds

    def wire(
        self,
        client: httpx2.AsyncClient,
        instructions: str,
        schemas: Sequence[ToolSchema],
    ) -> Wire:
        endpoint = AnthropicEndpoint.from_environment()
        talking = _client(endpoint, client, self._read_seconds or read_seconds())
        return MessagesWire(talking, endpoint, instructions, schemas)


@lru_cache(maxsize=KEPT_CLIENTS)
def _client(
    endpoint: AnthropicEndpoint, client: httpx2.AsyncClient, read_seconds: float
) -> anthropic.AsyncAnthropic:
    """Return the SDK over a client of HTTP that runs share. It is not to be closed.

    Kept, since each new one asks a thread what platform this is.
    """
    return anthropic.AsyncAnthropic(
        api_key=endpoint.api_key,
        auth_token=endpoint.auth_token,
        base_url=endpoint.address,
        default_headers=endpoint.headers,
        http_client=client,
        max_retries=0,
        timeout=httpx2.Timeout(read_seconds, connect=10),
    )


class MessagesWire:
    """The Messages API, as the loop sees it. An item is a message."""

    name = "anthropic-messages"

    def __init__(
        self,
        client: anthropic.AsyncAnthropic,
        endpoint: AnthropicEndpoint,
        instructions: str,
        schemas: Sequence[ToolSchema],
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self.notice = EMBEDDED_NOTICE if endpoint.is_embedded else ""
        self._instructions = instructions
        self._tools = [
            {
                "name": tool.name,
                "description": tool.description,
                "input_schema": tool.parameters,
            }
            for tool in schemas
        ]

    def user_item(self, text: str) -> JSON:
        return {"role": "user", "content": text}

    def result_items(self, results: Sequence[Result]) -> list[JSON]:
        blocks = [
            {
                "type": "tool_result",
                "tool_use_id": result.call_id,
                "content": result.output or "(no output)",
                "is_error": result.is_error,
            }
            for result in results
        ]
        return [{"role": "user", "content": blocks}]

    async def stream_turn(
        self, history: list[JSON]
    ) -> AsyncGenerator[str | UsageSoFar | Turn, None]:
        answer = Answer(self._endpoint.provider, self._endpoint.model)
        try:
            async with await self._client.messages.create(
                **self._request(history)
            ) as stream:
                async for event in stream:
                    if (text := answer.take(event)) is not None:
                        yield text
                    if event.type == "message_start":
                        yield answer.so_far()
        except (anthropic.APIError, httpx2.HTTPError, json.JSONDecodeError) as error:
            # What happens to the connection after the end of the answer is no matter.
            if not answer.is_complete:
                failure = as_failure(error, self._endpoint)
                if isinstance(failure, TurnFailed):
                    failure.spent = answer.spent()
                raise failure from error
        if (
            not answer.is_complete
        ):  # the SDK takes a body that just ends for a whole one
            raise TurnFailed("The provider's answer broke off", spent=answer.spent())
        yield self._taken(answer.turn())

    def _taken(self, turn: Turn) -> Turn:
        """Take what the embedded model says, cut or not: it is what it has to say."""
        is_cut = self._endpoint.is_embedded and turn.stop is StopReason.MAX_TOKENS
        return replace(turn, stop=StopReason.FINISHED) if is_cut and turn.text else turn

    def _request(self, history: list[JSON]) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._endpoint.model,
            "max_tokens": MAX_OUTPUT_TOKENS,
            "messages": history,
            "stream": True,
        }
        if self._instructions:
            request["system"] = self._instructions
        if self._endpoint.is_embedded:
            request["max_tokens"] = embedded.MAX_OUTPUT_TOKENS
        else:
            request["cache_control"] = {"type": "ephemeral"}
        if self._tools and not self._has_called_enough(history):
            request["tools"] = self._tools
        return request

    def _has_called_enough(self, history: list[JSON]) -> bool:
        """The embedded model calls a tool whenever it is offered one, so it gets one go."""
        return self._endpoint.is_embedded and not isinstance(
            history[-1]["content"], str
        )
