"""The Messages API as the loop sees it: what is asked, and what comes of the reply."""

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import anthropic
import httpx2

from agents.protocol.events import JSON, UsageSoFar
from agents.providers.anthropic import AnthropicEndpoint
from agents.providers.anthropic_failures import read_sdk_error
from agents.providers.failures import TurnFailed
from agents.providers.wire import Result, Turn
from agents.runtimes.direct.anthropic.reply import Reply
from agents.runtimes.direct.model_setup import ModelSetup

MAX_OUTPUT_TOKENS = 16_384  # of one answer
THOUGHT = frozenset({"thinking", "redacted_thinking"})


class MessagesWire:
    """An item of its history is a message."""

    name = "anthropic-messages"
    notice = ""

    def __init__(
        self,
        client: anthropic.AsyncAnthropic,
        endpoint: AnthropicEndpoint,
        setup: ModelSetup,
    ) -> None:
        self._client = client
        self.endpoint = endpoint
        self._setup = setup
        self._tools = [
            {
                "name": tool.name,
                "description": tool.description,
                "input_schema": tool.parameters,
            }
            for tool in setup.tools
            # The embedded model asks for nothing that a person could answer.
            if not (endpoint.is_embedded and tool.name == "ask")
        ]

    def make_user_item(self, text: str) -> JSON:
        return {"role": "user", "content": text}

    def make_result_items(self, results: Sequence[Result]) -> list[JSON]:
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

    def make_portable(self, item: JSON) -> JSON | None:
        """Leave out what is signed for the model that thought it."""
        content = item["content"]
        if item["role"] != "assistant" or isinstance(content, str):
            return item
        kept = [block for block in content if block["type"] not in THOUGHT]
        return {**item, "content": kept} if kept else None

    async def stream_turn(
        self, history: list[JSON], *, is_repair: bool = False
    ) -> AsyncGenerator[str | UsageSoFar | Turn, None]:
        reply = Reply(self.endpoint.provider, self.endpoint.model)
        try:
            async with await self._client.messages.create(
                **self.make_request(history, is_repair=is_repair)
            ) as stream:
                async for event in stream:
                    if (text := reply.take(event)) is not None:
                        yield text
                    if event.type == "message_start":
                        yield reply.make_usage_so_far()
        except (anthropic.APIError, httpx2.HTTPError, json.JSONDecodeError) as error:
            # What happens to the connection after the end of the answer is no matter.
            if not reply.is_complete:
                failure = read_sdk_error(error, self.endpoint)
                if isinstance(failure, TurnFailed):
                    failure.spent = reply.make_usage_event()
                raise failure from error
        if not reply.is_complete:  # the SDK takes a body that just ends for a whole one
            raise TurnFailed(
                "The provider's answer broke off", spent=reply.make_usage_event()
            )
        yield self.adapt_turn(reply.make_turn())

    def adapt_turn(self, turn: Turn) -> Turn:
        """Return a turn as the loop is to see it."""
        return turn

    def make_request(self, history: list[JSON], *, is_repair: bool) -> dict[str, Any]:
        """Return what to ask the API for."""
        request: dict[str, Any] = {
            "model": self.endpoint.model,
            "max_tokens": MAX_OUTPUT_TOKENS,
            "messages": history,
            "stream": True,
            "cache_control": {"type": "ephemeral"},
        }
        if self._setup.instructions:
            request["system"] = self._setup.instructions
        if self._tools:
            request["tools"] = self._tools
        if config := self._make_output_config():
            request["output_config"] = config
        return request

    def _make_output_config(self) -> JSON:
        config: JSON = {}
        if self._setup.effort:
            config["effort"] = self._setup.effort
        if self._setup.output_schema and (
            form := _transform_schema(self._setup.output_schema)
        ):
            config["format"] = {"type": "json_schema", "schema": form}
        return config


def _transform_schema(schema: JSON) -> JSON | None:
    """Return a schema in the part of the language that the API takes; None if it has no such form."""
    plain = {name: value for name, value in schema.items() if name != "$schema"}
    try:
        return anthropic.transform_schema(plain)
    except (ValueError, TypeError, AssertionError):  # as it meets what it does not know
        return None
