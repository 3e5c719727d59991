"""The requests that Codex makes: when, can only be seen from what it has just done."""

import json
from collections.abc import Iterator, Sequence
from itertools import count

from agents.protocol import events
from agents.protocol.events import JSON
from agents.runtimes.codex.thread import Thread

# Of what is no part of an answer.
TOLD_TO_IT = ("userMessage",)
OF_ANSWERS = (
    "item/started",
    "item/agentMessage/delta",
    "item/reasoning/summaryTextDelta",
    "item/reasoning/textDelta",
)


class Requests:
    """What is known of a request before the rollout tells what it used."""

    def __init__(self, thread: Thread) -> None:
        self._thread = thread
        self._numbers = count(1)
        self._is_answered = False  # at least in part
        self._open: events.UsageSoFar | None = None

    def open(self, given: Sequence[JSON] = ()) -> events.UsageSoFar:
        """Return what to write down of the request that Codex makes next.

        Its key names the folder in which a later worker finds what became of it.
        """
        self._is_answered = False
        key = f"{self._thread.marker}/{next(self._numbers)}"
        size = len(json.dumps(list(given)))
        self._open = self._thread.rollout.open_request(key, new_bytes=size)
        return self._open

    def note_reply(self, method: str, params: JSON) -> None:
        """Note that the provider answers."""
        item = params.get("item") or {}
        if method in OF_ANSWERS and item.get("type") not in TOLD_TO_IT:
            self._is_answered = True

    def end_failed(self) -> Iterator[events.UsageEvent]:
        """Yield what a request used that failed: nothing, unless its answer had begun."""
        rollout, begun = self._thread.rollout, self._open
        if begun is None or rollout.open_key != begun.key:
            return
        rollout.open_key = ""
        if self._is_answered:
            yield events.UsageReported(begun.key, begun.usage, is_estimated=True)
        else:
            yield events.NothingUsed(begun.key)
