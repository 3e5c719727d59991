"""The embedded model over the Messages API: what it needs that real models do not."""

from dataclasses import replace
from typing import Any

import orjson

from agents.protocol.events import JSON
from agents.providers import embedded
from agents.providers.embedded_grammar import limit_schema
from agents.providers.wire import StopReason, Turn
from agents.runtimes.direct.anthropic.wire import MessagesWire

# Its server holds a model to a schema only where that is what a tool is given.
RESULT = "give_result"


class EmbeddedWire(MessagesWire):
    """The Messages API as the embedded model needs it."""

    notice = embedded.NOTICE

    def make_request(self, history: list[JSON], *, is_repair: bool) -> dict[str, Any]:
        request = super().make_request(history, is_repair=is_repair)
        # What its server does not know, or what it would do wrong by.
        for name in ("cache_control", "output_config", "tools"):
            request.pop(name, None)
        request["max_tokens"] = embedded.MAX_OUTPUT_TOKENS
        if self._tools and not (is_repair or _has_called_enough(history)):
            request["tools"] = self._tools
        elif self._setup.output_schema:
            request["max_tokens"] = embedded.MAX_RESULT_TOKENS
            request["tools"] = [
                {
                    "name": RESULT,
                    "description": "Gives the result.",
                    "input_schema": limit_schema(self._setup.output_schema),
                }
            ]
        return request

    def adapt_turn(self, turn: Turn) -> Turn:
        """Take what it says, cut or not: it is what it has to say."""
        if given := [call for call in turn.calls if call.tool_name == RESULT]:
            # Cut at its limit, it is no JSON.
            result = orjson.dumps(given[0].tool_input).decode()
            text = result if given[0].tool_input is not None else "(cut)"
            items = [{"role": "assistant", "content": [{"type": "text", "text": text}]}]
            return replace(
                turn, items=items, calls=[], text=text, stop=StopReason.FINISHED
            )
        is_cut = turn.stop is StopReason.MAX_TOKENS
        return replace(turn, stop=StopReason.FINISHED) if is_cut and turn.text else turn


def _has_called_enough(history: list[JSON]) -> bool:
    """It calls a tool whenever it is offered one, so it gets one go."""
    return not isinstance(history[-1]["content"], str)
