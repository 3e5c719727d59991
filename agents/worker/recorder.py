"""The one door from a runtime to the database: every event becomes rows, in one transaction."""

import logging
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from django import db
from django.db import transaction
from django.utils import timezone

from agents import events
from ledger.models import LedgerEntry, OpenRequest
from ledger.models.entry import COUNTS, MAX_KEY
from ledger.pricing import dollars
from stagent.database.compiled import CompiledQuery
from tasks import pubsub
from tasks.credentials import hide_credentials
from tasks.exceptions import LeaseLost
from tasks.models import EventType, LogEntry, NewEntry, Run, Task, session
from tasks.models.task import fetch
from tasks.rules.visible_text import readable

# What no database takes as text: NUL, and halves of characters.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
SHOWN_OUTPUT = 2_000
# What comes of counts and names that a provider made up, and no database takes.
UNBOOKABLE = (ValueError, TypeError, ArithmeticError, db.DataError)

log = logging.getLogger(__name__)


_held = CompiledQuery(
    lambda task_id, run_id: (
        Task.objects.select_for_update()
        .filter(pk=task_id, live_run=run_id)
        .order_by()
        .values_list("pk")
    ),
    task_id=UUID,
    run_id=UUID,
)


def storable(value: Any) -> Any:
    """Return JSON with every text in it fit for a database and for those who read it."""
    match value:
        case str():
            return hide_credentials(_UNSTORABLE.sub("\ufffd", value))
        case dict():
            return {storable(key): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
    return value


@dataclass(frozen=True)
class _Try:
    """A try to write an event down, which is to be there once however many it takes."""

    began_at: datetime  # the first one: what the event's row is recognised by
    is_again: (
        bool  # one before this may have been committed, and only its answer be lost
    )


class Recorder:
    """Writes down what one run does. Raises LeaseLost once the run is no longer live."""

    def __init__(self, run: Run) -> None:
        self.run_id: UUID = run.pk
        self.task_id: UUID = run.task_id
        self.session_id: UUID = run.session_id
        self.runtime, self.profile = run.runtime, run.profile
        self._in_hand: dict[str, events.UsageReported] = {}
        self._answered: set[str] = set()  # of those, the requests that are
        self._begun: set[str] = set()
        self._event: events.Recorded | None = None
        self._began_at = timezone.now()

    def record(self, event: events.Recorded) -> None:
        """Write `event` down. After a failure the same object is given again."""
        this_try = self._try_of(event)
        match event:
            case events.PartialText(text):
                pubsub.publish_partial(self.task_id, storable(text))
            case events.UsageReported():
                self._book(event, this_try)
            case events.CheckpointReached():
                self._keep(event, this_try)
            case _:
                self._append_once(_entry(event), this_try)

    def hold(self, event: events.UsageSoFar | events.UsageReported) -> None:
        """Remember it until it is booked, without the database: mostly the whole follows."""
        if isinstance(event, events.UsageReported):
            self._answered.add(event.key)
        elif event.key in self._answered:  # which others have told before
            return
        self._in_hand[event.key] = events.UsageReported(event.key, event.usage)

    def begin(self, event: events.UsageSoFar) -> None:
        """Write down what a request has used that is being answered, lest this process dies."""
        if event.key in self._begun | self._answered:
            return
        self._begun.add(event.key)
        request = OpenRequest(
            run_id=self.run_id,
            key=_fit(event.key),
            task_id=self.task_id,
            runtime=self.runtime,
            profile=self.profile,
            **self._task_facts(),
            provider=event.usage.provider,
            model=event.usage.model,
            **{count: getattr(event.usage, count) for count in COUNTS},
        )
        OpenRequest.objects.begin(request)

    @property
    def in_hand(self) -> list[events.UsageReported]:
        """What was used and is not booked yet."""
        return list(self._in_hand.values())

    def book_broken_off(self) -> None:
        """Book what was used by requests that were not answered to their end."""
        for event in self.in_hand:
            try:
                self._book(event, self._try_of(event))
            except LeaseLost:  # it is booked, and only not told in the log
                self._in_hand.pop(event.key, None)
            except UNBOOKABLE:  # the run must come to its end all the same
                self._in_hand.pop(event.key, None)
                log.exception("Of run %s %s is not booked", self.run_id, event)

    def append(self, *entries: NewEntry) -> None:
        fit = map(_storable_entry, entries)
        LogEntry.objects.append(self.task_id, *fit, lease=self.run_id)

    def _try_of(self, event: events.Recorded) -> _Try:
        is_again = self._event is event
        if not is_again:
            self._event, self._began_at = event, timezone.now()
        return _Try(self._began_at, is_again)

    def _append_once(self, entry: NewEntry, this_try: _Try) -> None:
        entry = _storable_entry(entry)
        with transaction.atomic(savepoint=False):
            if this_try.is_again:
                self.hold_task()  # whose lock an earlier try may still have
                entries = LogEntry.objects.filter(task_id=self.task_id)
                if entries.like(entry, at=this_try.began_at).exists():
                    return
            LogEntry.objects.append(
                self.task_id, entry, lease=self.run_id, at=this_try.began_at
            )

    def _book(self, event: events.UsageReported, this_try: _Try) -> None:
        # Booked even when the lease is lost: what was spent was spent. So the log entry,
        # which may not be written then, comes in a transaction of its own.
        entry = LedgerEntry.objects.record(
            task_id=self.task_id,
            run_id=self.run_id,
            key=_fit(event.key),
            usage=event.usage,
            runtime=self.runtime,
            profile=self.profile,
            **self._task_facts(),
            has_begun=event.key in self._begun,
        )
        self._append_once(_usage_entry(event, entry.cost_microdollars), this_try)
        self._in_hand.pop(event.key, None)

    def _task_facts(self) -> dict[str, str]:
        """Return what the book keeps of the task, which it outlives."""
        if (task := fetch(self.task_id)) is None:
            return {}
        return {"project_id": task.project_id or "", "created_by": task.created_by}

    def hold_task(self) -> None:
        """Lock the task's row in the caller's transaction, or raise LeaseLost."""
        if _held.first(task_id=self.task_id, run_id=self.run_id) is None:
            raise LeaseLost(f"Run {self.run_id} is no longer live.")

    def _keep(self, event: events.CheckpointReached, this_try: _Try) -> None:
        with transaction.atomic():
            self.hold_task()  # under which items get their positions
            kept = (self.session_id, event.state, event.items)
            if not (this_try.is_again and session.has_kept(*kept)):
                session.keep(*kept)


def _fit(key: str) -> str:
    fit: str = storable(key)
    return fit[:MAX_KEY]


def _storable_entry(entry: NewEntry) -> NewEntry:
    return NewEntry(entry.event_type, storable(entry.message), storable(entry.data))


def _usage_entry(event: events.UsageReported, cost: int | None) -> NewEntry:
    usage = event.usage
    prompt = (
        usage.input_tokens
        + usage.cache_read_tokens
        + usage.cache_write_tokens
        + usage.cache_write_1h_tokens
    )
    price = "price unknown" if cost is None else f"${dollars(cost)}"
    message = (
        f"{usage.model}: {prompt:,} tokens in, {usage.output_tokens:,} out, {price}"
    )
    data = {
        "modelId": usage.model,
        "inputTokens": prompt,
        "outputTokens": usage.output_tokens,
        "costMicros": cost,
    }
    return NewEntry(EventType.USAGE, message, data)


def _entry(
    event: events.AssistantText
    | events.Thinking
    | events.ToolUse
    | events.ToolNotRun
    | events.ToolResult
    | events.Retrying
    | events.Notice,
) -> NewEntry:
    match event:
        case events.AssistantText(text):
            return NewEntry(EventType.ASSISTANT, text)
        case events.Thinking(text):
            return NewEntry(EventType.THINKING, text)
        case events.ToolUse():
            return NewEntry(
                EventType.TOOL_USE, readable(event.message), _tool_use(event)
            )
        case events.ToolNotRun():
            message = f"Not run: {readable(event.message)}"
            data = {**_tool_use(event), "isRun": False}
            return NewEntry(EventType.TOOL_USE, message, data)
        case events.ToolResult():
            return NewEntry(
                EventType.TOOL_RESULT, _shortened(event.output), _tool_result(event)
            )
        case events.Retrying(reason, delay):
            return NewEntry(EventType.RETRY, reason, {"delaySeconds": delay})
        case events.Notice(text):
            return NewEntry(EventType.STATUS, text)
        case _:
            assert_never(event)


def _tool_use(event: events.ToolUse | events.ToolNotRun) -> dict[str, Any]:
    return {
        "toolName": event.tool_name,
        "toolInput": event.tool_input,
        "callId": event.call_id,
    }


def _tool_result(event: events.ToolResult) -> dict[str, Any]:
    return {
        "toolName": event.tool_name,
        "callId": event.call_id,
        "isError": event.is_error,
    }


def _shortened(output: str) -> str:
    if len(output) <= SHOWN_OUTPUT:
        return output
    return f"{output[:SHOWN_OUTPUT]}\n… {len(output) - SHOWN_OUTPUT:,} more characters"
