"""Puts an answer of the Messages API together from its stream.

What the history keeps of it is the wire's own JSON, with fields that are not known here.
Events and blocks are told apart by their `type`: the SDK gives unknown ones some class.
"""

import uuid
from collections import defaultdict
from typing import Any

from agents.protocol import events
from agents.protocol.events import JSON
from agents.protocol.runtime import RuntimeFailed
from agents.providers import usage
from agents.providers.model_text import parse_json_object, repair_surrogates
from agents.providers.wire import RequestedCall, StopReason, Turn
from ledger.pricing import Usage

STOPS = {
    "end_turn": StopReason.FINISHED,
    "stop_sequence": StopReason.FINISHED,
    "tool_use": StopReason.TOOL_CALLS,
    "pause_turn": StopReason.PAUSED,
    "max_tokens": StopReason.MAX_TOKENS,
    "model_context_window_exceeded": StopReason.MODEL_LENGTH,
    "refusal": StopReason.REFUSED,
}
# The field of a delta that holds a piece, by the delta's type.
PIECES = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}


class Reply:
    """One reply of the provider, as it comes in."""

    def __init__(self, provider: str, model: str) -> None:
        self.is_complete = False
        self._provider = provider
        self._model = model
        self._request_id = ""
        self._blocks: dict[int, JSON] = {}
        self._pieces: defaultdict[int, list[str]] = defaultdict(list)
        self._counts: JSON = {}
        self._stop = ""

    def take(self, event: Any) -> str | None:
        """Take in one event of the stream; return the text that came with it.

        "" is other content, None is none at all.
        """
        match event.type:
            case "message_start":
                self._request_id = event.message.id or str(uuid.uuid4())
                self._model = event.message.model or self._model
                self._count(event.message.usage)
            case "content_block_start":
                block = event.content_block.to_dict(warnings=False)
                self._blocks[event.index] = block
                return str(block.get("text", ""))
            case "content_block_delta":
                return self._extend(event.index, event.delta)
            case "message_delta":
                self._stop = event.delta.stop_reason or ""
                self._count(event.usage)
            case "message_stop":
                self.is_complete = True
            case _:  # a ping
                return None
        return ""

    def make_turn(self) -> Turn:
        calls = []
        for index, block in self._blocks.items():
            pieces = "".join(self._pieces[index])
            match block["type"]:
                case "text" | "thinking" as field:
                    block[field] = repair_surrogates(block.get(field, "") + pieces)
                case "tool_use":
                    tool_input = (
                        parse_json_object(pieces) if pieces else block.get("input")
                    )
                    calls.append(RequestedCall(block["id"], block["name"], tool_input))
                    block["input"] = tool_input or {}
        content = [
            block for _, block in sorted(self._blocks.items()) if _is_kept(block)
        ]
        return Turn(
            request_id=self._request_id,
            items=[{"role": "assistant", "content": content}] if content else [],
            calls=calls,
            text=self._join_blocks("text"),
            thinking=self._join_blocks("thinking"),
            usage=self._read_usage(),
            stop=STOPS.get(self._stop, StopReason.UNKNOWN),
        )

    def make_usage_so_far(self) -> events.UsageSoFar:
        return events.UsageSoFar(self._request_id, self._read_usage())

    def make_usage_event(self) -> events.UsageReported | None:
        """Return what was used so far, once that is known."""
        if not self._request_id:
            return None
        return events.UsageReported(self._request_id, self._read_usage())

    def _extend(self, index: int, delta: Any) -> str | None:
        match delta.type:
            case "text_delta" | "thinking_delta" | "input_json_delta" as kind:
                piece: str = getattr(delta, PIECES[kind])
                self._pieces[index].append(piece)
                return None if not piece else piece if kind == "text_delta" else ""
            case "signature_delta":
                self._blocks[index]["signature"] = delta.signature
            case "citations_delta":
                citations = self._blocks[index].get("citations") or []
                citation = delta.citation.to_dict(warnings=False)
                self._blocks[index]["citations"] = [*citations, citation]
            case unknown:
                # Half a block in the history would spoil every request after this.
                raise RuntimeFailed(
                    f"The provider sent a kind of content that is not known here ({unknown})."
                    " Update Stagent, or use another model."
                )
        return ""

    def _count(self, reported: Any) -> None:
        """Overwrite, not add: the counts are of the whole answer so far."""
        counts = reported.to_dict(warnings=False)
        self._counts |= {
            name: value for name, value in counts.items() if value is not None
        }

    def _read_usage(self) -> Usage:
        return usage.read_messages_usage(
            self._counts, provider=self._provider, model=self._model
        )

    def _join_blocks(self, kind: str) -> str:
        blocks = (block for _, block in sorted(self._blocks.items()))
        return "\n\n".join(
            block[kind] for block in blocks if block["type"] == kind and block[kind]
        )


def _is_kept(block: JSON) -> bool:
    """Whether the API takes the block back: no empty text, no thought without signature."""
    match block["type"]:
        case "text":
            return bool(block["text"].strip())
        case "thinking":
            return bool(block.get("signature"))
    return True
