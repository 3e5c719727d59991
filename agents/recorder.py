"""The one door from a runtime to the database: every event becomes rows, in one transaction."""

import logging
import re
from typing import Any, assert_never
from uuid import UUID

from django import db
from django.db import transaction

from agents import events
from ledger.models import LedgerEntry
from ledger.prepared import Prepared
from ledger.pricing import dollars
from tasks import doorbell
from tasks.exceptions import LeaseLost
from tasks.models import EventType, LogEntry, NewEntry, Run, Task, session
from tasks.models.task import fetch
from tasks.readable import readable

# What no database takes as text: NUL, and halves of characters.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
SHOWN_OUTPUT = 2_000
MAX_KEY = 255  # characters
# What comes of counts and names that a provider made up, and no database takes.
UNBOOKABLE = (ValueError, TypeError, ArithmeticError, db.DataError)

log = logging.getLogger(__name__)


_held = Prepared(
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
    """Return JSON with every text in it fit for a database."""
    match value:
        case str():
            return _UNSTORABLE.sub("\ufffd", value)
        case dict():
            return {storable(key): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
    return value


class Recorder:
    """Writes down what one run does. Raises LeaseLost once the run is no longer live."""

    def __init__(self, run: Run) -> None:
        self.run_id: UUID = run.pk
        self.task_id: UUID = run.task_id
        self.session_id: UUID = run.session_id
        self.runtime = run.runtime
        self._in_hand: dict[str, events.UsageReported] = {}

    def record(self, event: events.Recorded) -> None:
        match event:
            case events.PartialText(text):
                doorbell.show_partial(self.task_id, storable(text))
            case events.UsageReported():
                self._book(event)
            case events.CheckpointReached():
                self._keep(event)
            case _:
                self.append(_entry(event))

    def hold(self, event: events.UsageSoFar | events.UsageReported) -> None:
        """Remember it until it is booked, without the database: mostly the whole follows."""
        self._in_hand[event.key] = events.UsageReported(event.key, event.usage)

    def book_broken_off(self) -> None:
        """Book what was used by requests that were not answered to their end."""
        for event in list(self._in_hand.values()):
            try:
                self._book(event)
            except LeaseLost:
                pass  # it is booked, and only not told in the log
            except UNBOOKABLE:  # the run must come to its end all the same
                log.exception("Of run %s %s is not booked", self.run_id, event)

    def append(self, *entries: NewEntry) -> None:
        fit = [
            NewEntry(one.event_type, storable(one.message), storable(one.data))
            for one in entries
        ]
        LogEntry.objects.append(self.task_id, *fit, lease=self.run_id)

    def _book(self, event: events.UsageReported) -> None:
        # Booked even when the lease is lost: what was spent was spent. So the log entry,
        # which may not be written then, comes in a transaction of its own.
        task = fetch(self.task_id)
        entry = LedgerEntry.objects.record(
            task_id=self.task_id,
            run_id=self.run_id,
            key=storable(event.key)[:MAX_KEY],
            usage=event.usage,
            runtime=self.runtime,
            project_id=task.project_id if task else None,
        )
        self._in_hand.pop(event.key, None)
        self.append(_usage_entry(event, entry.cost_microdollars))

    def hold_task(self) -> None:
        """Lock the task's row in the caller's transaction, or raise LeaseLost."""
        if _held.first(task_id=self.task_id, run_id=self.run_id) is None:
            raise LeaseLost(f"Run {self.run_id} is no longer live.")

    def _keep(self, event: events.CheckpointReached) -> None:
        with transaction.atomic():
            self.hold_task()  # under which items get their positions
            session.keep(self.session_id, event.state, event.items)


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
