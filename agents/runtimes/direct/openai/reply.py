"""Reads an answer of the Responses API: its last event holds all of it.

What the history keeps is the wire's own JSON, with the encrypted reasoning and with fields
that are not known here. Events and items are told apart by their `type`: the SDK gives
unknown ones some class.
"""

import uuid
from typing import Any

from agents.protocol import events
from agents.protocol.events import JSON
from agents.providers import usage
from agents.providers.failures import Refusal
from agents.providers.model_text import parse_json_object, repair_surrogates
from agents.providers.wire import RequestedCall, StopReason, Turn
from ledger.pricing import Usage

ENDS = {"response.completed", "response.incomplete", "response.failed"}
BEGINNINGS = {"response.created", "response.output_item.added"}
CUTS = {
    "max_output_tokens": StopReason.MAX_TOKENS,
    "content_filter": StopReason.REFUSED,
}


class Reply:
    """One reply of the provider, as it comes in."""

    def __init__(self, provider: str, model: str) -> None:
        self._provider = provider
        self._model = model
        self._response: JSON | None = None
        self.refusal: Refusal | None = None  # an error in the middle of the answer

    @property
    def is_complete(self) -> bool:
        return self._response is not None and self.refusal is None

    def take(self, event: Any) -> str | None:
        """Take in one event of the stream; return the text that came with it.

        "" is other content, None is none at all.
        """
        if event.type == "response.output_text.delta":
            return str(event.delta) or None
        if event.type == "error":
            self._note_error(event.to_dict(warnings=False))
        elif event.type in ENDS:
            self._response = response = event.response.to_dict(warnings=False)
            if event.type == "response.failed":
                self._note_error(response.get("error") or {})
        elif not (getattr(event, "delta", None) or event.type in BEGINNINGS):
            return None  # "in progress", and what else only keeps the line open
        return ""

    def make_turn(self) -> Turn:
        output: list[JSON] = self._whole.get("output") or []
        calls = [_make_call(item) for item in output if item["type"] == "function_call"]
        items = _make_storable(output)
        return Turn(
            request_id=self._request_id,
            items=items,
            calls=calls,
            text=_join_texts(items, "message", "content", "output_text")
            or _join_texts(items, "message", "content", "refusal"),
            thinking=_join_texts(output, "reasoning", "summary", "summary_text"),
            usage=self._read_usage(),
            stop=self._find_stop(items, calls),
        )

    def make_usage_event(self) -> events.UsageReported | None:
        """Return what was used, where the provider said so before it failed."""
        if not self._whole.get("usage"):
            return None
        return events.UsageReported(self._request_id, self._read_usage())

    @property
    def _whole(self) -> JSON:
        return self._response or {}

    @property
    def _request_id(self) -> str:
        return str(self._whole.get("id") or uuid.uuid4())

    def _note_error(self, error: JSON) -> None:
        error = error.get("error") or error
        kind = str(error.get("code") or error.get("type") or "")
        message = str(error.get("message") or kind)
        self.refusal = Refusal(200, kind, message, facts=error)

    def _find_stop(self, items: list[JSON], calls: list[RequestedCall]) -> StopReason:
        if self._whole.get("status") == "incomplete":
            details = self._whole.get("incomplete_details") or {}
            return CUTS.get(str(details.get("reason")), StopReason.UNKNOWN)
        if self._whole.get("status", "completed") != "completed":
            return StopReason.UNKNOWN
        if _join_texts(items, "message", "content", "refusal"):
            return StopReason.REFUSED
        if any(item.get("status") == "incomplete" for item in items):
            return StopReason.MAX_TOKENS
        return StopReason.TOOL_CALLS if calls else StopReason.FINISHED

    def _read_usage(self) -> Usage:
        model = self._whole.get("model") or self._model
        counts = self._whole.get("usage") or {}
        return usage.read_responses_usage(counts, provider=self._provider, model=model)


def _make_storable(items: list[JSON]) -> list[JSON]:
    """Make the items such that the API takes them back.

    It refuses reasoning that nothing follows, which a turn that was cut ends with.
    """
    while items and items[-1]["type"] == "reasoning":
        items = items[:-1]
    for item in items:
        for part in item.get("content") or []:
            if isinstance(part.get("text"), str):
                part["text"] = repair_surrogates(part["text"])
        if (
            item["type"] == "function_call"
            and parse_json_object(item["arguments"]) is None
        ):
            # Some servers read the history's arguments, and fail on those that were cut.
            item["arguments"] = "{}"
    return items


def _make_call(item: JSON) -> RequestedCall:
    return RequestedCall(
        item["call_id"], item["name"], parse_json_object(item["arguments"] or "{}")
    )


def _join_texts(items: list[JSON], kind: str, field: str, part_kind: str) -> str:
    key = "refusal" if part_kind == "refusal" else "text"
    texts = (
        str(part.get(key) or "")
        for item in items
        if item["type"] == kind
        for part in item.get(field) or []
        if part.get("type") == part_kind
    )
    return "\n\n".join(text for text in texts if text)
