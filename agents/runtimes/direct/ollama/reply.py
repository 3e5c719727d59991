"""Puts an answer of `/api/chat` together from its lines."""

import uuid

from agents.protocol.events import JSON, UsageSoFar
from agents.providers import usage
from agents.providers.model_text import parse_json_object, repair_surrogates
from agents.providers.wire import RequestedCall, StopReason, Turn
from ledger.pricing import Usage

STOPS = {"stop": StopReason.FINISHED, "length": StopReason.MAX_TOKENS}
# No text has fewer tokens than one in so many bytes, but for long runs of one character.
MOST_BYTES_A_TOKEN = 12


class Reply:
    """One reply of the provider, as it comes in."""

    def __init__(self, provider: str, model: str) -> None:
        self._provider = provider
        self._model = model
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[JSON] = []
        self._last: JSON = {}

    @property
    def is_complete(self) -> bool:
        return bool(self._last)

    def take(self, line: JSON) -> str | None:
        """Take in one line; return the text that came with it.

        "" is other content, None is none at all.
        """
        message = line.get("message") or {}
        text = str(message.get("content") or "")
        self._text.append(text)
        self._thinking.append(str(message.get("thinking") or ""))
        self._calls += message.get("tool_calls") or []
        if line.get("done"):
            self._last = line
        has_more = message.get("thinking") or message.get("tool_calls")
        return text if text or has_more or line.get("done") else None

    def was_shortened(self, sent_bytes: int) -> bool:
        """Tell if the server read less than it was sent, as old ones do without a word."""
        read = self._last.get("prompt_eval_count") or 0  # 0: it does not count
        return 0 < read * MOST_BYTES_A_TOKEN < sent_bytes

    def make_usage_so_far(self) -> UsageSoFar:
        return UsageSoFar("", self._read_usage())

    def make_turn(self) -> Turn:
        text, thinking = (
            repair_surrogates("".join(self._text)),
            repair_surrogates("".join(self._thinking)),
        )
        calls = [_make_call(call) for call in self._calls]
        item: JSON = {"role": "assistant", "content": text}
        if thinking:
            item["thinking"] = thinking
        if self._calls:
            item["tool_calls"] = self._calls
        is_empty = not (text or self._calls)
        return Turn(
            request_id=str(uuid.uuid4()),
            items=[] if is_empty else [item],
            calls=calls,
            text=text,
            thinking=thinking,
            usage=self._read_usage(),
            stop=self._find_stop(calls),
        )

    def _read_usage(self) -> Usage:
        return usage.read_ollama_usage(
            self._last, provider=self._provider, model=self._model
        )

    def _find_stop(self, calls: list[RequestedCall]) -> StopReason:
        stop = STOPS.get(self._last.get("done_reason") or "stop", StopReason.UNKNOWN)
        return StopReason.TOOL_CALLS if calls and stop is StopReason.FINISHED else stop


def _make_call(call: JSON) -> RequestedCall:
    function = call.get("function") or {}
    given = function.get("arguments")
    # Some servers send the object as text.
    arguments = parse_json_object(given) if isinstance(given, str) else given
    return RequestedCall(
        str(call.get("id") or ""),
        str(function.get("name") or ""),
        arguments if isinstance(arguments, dict) else None,
    )
