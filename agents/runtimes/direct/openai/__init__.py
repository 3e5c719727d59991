"""GPT over the Responses API, with our own loop and tools.

Set up by the names that OpenAI's own SDK uses, OPENAI_API_KEY and OPENAI_BASE_URL (any server
that speaks the Responses API; it ends in /v1 as a rule), and OPENAI_MODEL. Nothing is kept at
the provider: every request carries the whole conversation, its reasoning encrypted.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from functools import lru_cache
from typing import Any

import httpx2
import openai

from agents.protocol.events import JSON
from agents.protocol.runtime import RuntimeFailed
from agents.providers import failures
from agents.providers.connections import KEPT_CLIENTS, make_timeout
from agents.providers.failures import TurnFailed
from agents.providers.openai import OpenAIEndpoint
from agents.providers.wire import Result, Turn, Wire
from agents.runtimes.direct.base import DirectRuntime
from agents.runtimes.direct.model_setup import ModelSetup
from agents.runtimes.direct.openai.reply import Reply
from tasks.catalog.json_schemas import is_strict

MAX_OUTPUT_TOKENS = 32_768  # of one reply, its reasoning included


class OpenAIDirect(DirectRuntime):
    """GPT over the Responses API."""

    make_client = openai.DefaultAioHttpClient

    def make_wire(self, client: httpx2.AsyncClient, setup: ModelSetup) -> Wire:
        endpoint = OpenAIEndpoint.from_environment()
        sdk = _get_sdk(endpoint, client, self.read_seconds)
        return ResponsesWire(sdk, endpoint.with_model(setup.model), setup)


@lru_cache(maxsize=KEPT_CLIENTS)
def _get_sdk(
    endpoint: OpenAIEndpoint, client: httpx2.AsyncClient, read_seconds: float
) -> openai.AsyncOpenAI:
    """Return the SDK over an HTTP client that runs share. It is not to be closed.

    Kept, since each new one asks a thread what platform this is.
    """
    return openai.AsyncOpenAI(
        api_key=endpoint.api_key,
        base_url=endpoint.address,
        default_headers=endpoint.login,
        http_client=client,
        max_retries=0,
        timeout=make_timeout(read_seconds),
    )


class ResponsesWire:
    """The Responses API, as the loop sees it. An item is an input or output item."""

    name = "openai-responses"
    notice = ""

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        endpoint: OpenAIEndpoint,
        setup: ModelSetup,
    ) -> None:
        self._client = client
        self.endpoint = endpoint
        self._setup = setup
        self._tools = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "strict": False,  # which would make every optional input a required one
            }
            for tool in setup.tools
        ]

    def make_user_item(self, text: str) -> JSON:
        return {"type": "message", "role": "user", "content": text}

    def make_result_items(self, results: Sequence[Result]) -> list[JSON]:
        return [
            {
                "type": "function_call_output",
                "call_id": result.call_id,
                "output": _format_result(result),
            }
            for result in results
        ]

    def make_portable(self, item: JSON) -> JSON | None:
        """Leave out reasoning, which is encrypted, and the ids that bind items to theirs."""
        if item.get("type") == "reasoning":
            return None
        return {name: value for name, value in item.items() if name != "id"}

    async def stream_turn(
        self, history: list[JSON], *, is_repair: bool = False
    ) -> AsyncGenerator[str | Turn, None]:
        reply = Reply(self.endpoint.provider, self.endpoint.model)
        try:
            async with await self._client.responses.create(
                **self._make_request(history)
            ) as stream:
                async for event in stream:
                    if (text := reply.take(event)) is not None:
                        yield text
        except (openai.APIError, httpx2.HTTPError, json.JSONDecodeError) as error:
            # What happens to the connection after the end of the answer is no matter.
            if not reply.is_complete and reply.refusal is None:
                raise self._make_failure(error) from error
        if reply.refusal:
            failure = failures.make_refusal_failure(reply.refusal, self.endpoint)
            if isinstance(failure, TurnFailed):
                failure.spent = reply.make_usage_event()
            raise failure
        if not reply.is_complete:  # the SDK takes a body that just ends for a whole one
            raise TurnFailed("The provider's answer broke off")
        yield reply.make_turn()

    def _make_request(self, history: list[JSON]) -> dict[str, Any]:
        # Past the SDK's types: its walk through `input` and `tools` blocks the event loop
        # for about a millisecond an item.
        body: JSON = {"input": history}
        if self._tools:
            body["tools"] = self._tools
        request: dict[str, Any] = {
            "model": self.endpoint.model,
            "max_output_tokens": MAX_OUTPUT_TOKENS,
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "stream": True,
            "extra_body": body,
        }
        if self._setup.instructions:
            request["instructions"] = self._setup.instructions
        if self._setup.effort:
            request["reasoning"] = {"effort": self._setup.effort}
        if self._setup.output_schema:
            request["text"] = {"format": _make_format(self._setup.output_schema)}
        return request

    def _make_failure(self, error: Exception) -> TurnFailed | RuntimeFailed:
        match error:
            case openai.APIStatusError():
                refusal = failures.Refusal(
                    status=error.status_code,
                    kind=str(error.code or error.type or ""),
                    message=_read_error(error),
                    headers=error.response.headers,
                    facts=error.body if isinstance(error.body, dict) else {},
                )
                return failures.make_refusal_failure(refusal, self.endpoint)
            case openai.APIConnectionError() if isinstance(error.__cause__, Exception):
                return failures.make_connection_failure(error.__cause__, self.endpoint)
        return failures.make_connection_failure(error, self.endpoint)


def _make_format(schema: JSON) -> JSON:
    return {
        "type": "json_schema",
        "name": "result",
        "schema": schema,
        # Which takes a part of what can be said in a schema, and refuses the others.
        "strict": is_strict(schema),
    }


def _read_error(error: openai.APIStatusError) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    return str(body.get("message") or error.message)


def _format_result(result: Result) -> str:
    """Say in the text what the format has no field for."""
    output = result.output or "(no output)"
    return f"Error: {output}" if result.is_error else output
