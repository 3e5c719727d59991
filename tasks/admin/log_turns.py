"""The entries of a log as turns: what each answer of the model led to."""

from dataclasses import dataclass, field
from datetime import datetime

from django.utils.safestring import SafeString

from tasks.admin import display, results
from tasks.models import EventType, LogEntry
from tasks.payloads.log_entries import (
    CALL_ID,
    MESSAGE_ID,
    NOTIFICATION_ID,
    is_error,
    read_call_id,
    read_cost,
)

# Of an entry's data, what its message says already.
IN_THE_MESSAGE = frozenset({"status", CALL_ID, NOTIFICATION_ID, MESSAGE_ID})


@dataclass
class Row:
    """An entry; of a tool's call also its result."""

    entry: LogEntry
    result: LogEntry | None = None

    @property
    def message(self) -> SafeString:
        return results.shorten(self.entry.message)

    @property
    def answer(self) -> SafeString | str:
        return results.shorten(self.result.message) if self.result else ""

    @property
    def data(self) -> SafeString | str:
        data = {
            key: one
            for key, one in self.entry.data.items()
            if key not in IN_THE_MESSAGE
        }
        return results.shorten(display.written(data)) if data else ""

    @property
    def waits_for(self) -> str:
        """Return the id of a call that has no result yet."""
        is_call = self.entry.event_type == EventType.TOOL_USE and not self.result
        return read_call_id(self.entry.data) if is_call else ""

    @property
    def is_error(self) -> bool:
        shown = self.result or self.entry
        return shown.event_type == EventType.ERROR or is_error(shown.data)


@dataclass
class Turn:
    """What one answer of the model led to, up to the next one's usage."""

    rows: list[Row] = field(default_factory=list)
    entries: list[LogEntry] = field(default_factory=list)
    costs: list[int | None] = field(default_factory=list)
    ended_at: datetime | None = None

    @property
    def began_at(self) -> datetime:
        return self.rows[0].entry.recorded_at

    @property
    def took(self) -> str:
        return display.duration(self.began_at, self.ended_at)

    @property
    def cost(self) -> SafeString | str:
        is_known = any(cost is not None for cost in self.costs)
        return display.amount(self.microdollars) if is_known else ""

    @property
    def microdollars(self) -> int:
        return sum(cost or 0 for cost in self.costs)

    @property
    def is_open(self) -> bool:
        """Tell whether the model's usage, which ends a turn, is still to come."""
        return not self.costs

    @property
    def calls(self) -> int:
        return sum(row.entry.event_type == EventType.TOOL_USE for row in self.rows)

    @property
    def has_error(self) -> bool:
        return any(row.is_error for row in self.rows)


def group_turns(entries: list[LogEntry]) -> list[Turn]:
    """Group entries into turns, which end with the model's usage; results go to their calls."""
    turns, calls = [Turn()], dict[str, Row]()
    for entry in entries:
        turn = turns[-1]
        call_id = read_call_id(entry.data)
        call = calls.get(call_id)
        turn.ended_at = entry.recorded_at
        turn.entries.append(entry)
        if entry.event_type == EventType.TOOL_RESULT and call and not call.result:
            call.result = entry
            continue
        row = Row(entry)
        turn.rows.append(row)
        if entry.event_type == EventType.TOOL_USE and call_id:
            calls[call_id] = row
        if entry.event_type == EventType.USAGE:
            turn.costs.append(read_cost(entry.data))
            turns.append(Turn())
    return [turn for turn in turns if turn.rows]
