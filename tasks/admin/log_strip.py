"""A strip of turns: where the time went, and how the cost grew, in the part of a log that is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tasks.admin import display
from tasks.admin.log_turns import Turn
from tasks.models import EventType, LogEntry
from tasks.payloads.log_entries import CALL_ID, NOTIFICATION_ID


@dataclass(frozen=True)
class Bar:
    """A turn's seconds; what was neither a tool's nor a person's is the model's."""

    model: float
    tool: float
    person: float
    sequence: int  # of its first entry
    text: str

    @property
    def seconds(self) -> float:
        return self.model + self.tool + self.person


@dataclass(frozen=True)
class Strip:
    """Where time and money of several turns went, as the log's page draws it."""

    bars: list[Bar]
    cost_line: str  # points, 100 wide and 20 high
    cost: str


def make_strip(turns: Sequence[Turn]) -> Strip | None:
    """Return the strip of several turns; one alone shows nothing."""
    if len(turns) < 2:
        return None
    bars = [_bar(turn) for turn in turns]
    costs = [sum(cost or 0 for cost in turn.costs) for turn in turns]
    whole_time = sum(bar.seconds for bar in bars) or 1
    whole_cost = sum(costs) or 1
    points = ["0,20"] + [
        f"{100 * at / whole_time:.2f},{20 - 19 * spent / whole_cost:.2f}"
        for at, spent in zip(
            accumulate(bar.seconds for bar in bars), accumulate(costs), strict=True
        )
    ]
    return Strip(bars, " ".join(points), display.cents(sum(costs)))


def _bar(turn: Turn) -> Bar:
    whole = (
        max(0.1, (turn.ended_at - turn.began_at).total_seconds())
        if turn.ended_at
        else 0.1
    )
    person = min(
        whole,
        _sum_seconds(
            turn.entries,
            EventType.PERMISSION_REQUEST,
            EventType.PERMISSION_RESPONSE,
            NOTIFICATION_ID,
        ),
    )
    in_tools = _sum_seconds(
        turn.entries, EventType.TOOL_USE, EventType.TOOL_RESULT, CALL_ID
    )
    tool = min(max(0.0, in_tools - person), whole - person)
    model = whole - person - tool
    text = f"{turn.took}: model {model:.1f} s, tools {tool:.1f} s, waiting for a person {person:.1f} s"
    return Bar(model, tool, person, turn.rows[0].entry.sequence, text)


def _sum_seconds(
    entries: Sequence[LogEntry], start: EventType, end: EventType, key: str
) -> float:
    """Sum up the seconds from each entry of one type to that of the other with the same key."""
    begun, seconds = {}, 0.0
    for entry in entries:
        name = entry.data.get(key)
        if entry.event_type == start:
            begun[name] = entry.recorded_at
        elif entry.event_type == end and name in begun:
            seconds += (entry.recorded_at - begun.pop(name)).total_seconds()
    return seconds
