"""What happens to all tasks, as server-sent events: one stream in place of one for each task.

As with logs, a push only says that the table is to be read. Unlike a log it has no end.
"""

import json
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass

from stagent.database.json_lines import escape_line_ends
from tasks.models import OutboxCounter, OutboxEvent
from tasks.pubsub import EVENTS_CHANNEL
from tasks.streams.log_stream import (
    HEARTBEAT_SECONDS,
    KEEPALIVE,
    RECONNECT_MILLISECONDS,
    listen,
    read_repeatedly,
)
from tasks.webhooks.publication import publish_all

PAGE = 500


@dataclass(frozen=True)
class Selection:
    """Which events a reader gets."""

    project_id: str | None = None  # None: of all projects, and of none
    types: Collection[str] = ()  # none: all
    hidden_types: Collection[str] = ()  # what the reader may not see


@dataclass(frozen=True)
class Page:
    """The next events of a selection."""

    events: list[tuple[int, str]]  # (sequence, JSON)
    after: int  # all up to this number were looked at
    is_last: bool


def last_sequence() -> int:
    """Return the number of the last event, after giving numbers to what has none yet."""
    publish_all()
    counted = OutboxCounter.objects.values_list("last_sequence", flat=True)
    return counted.first() or 0


def read_events(selection: Selection, after: int) -> Page:
    """Number what has none yet, then read the next events."""
    last = last_sequence()
    rows = OutboxEvent.objects.published().filter(sequence__gt=after)
    if selection.project_id is not None:
        rows = rows.filter(project_id=selection.project_id)
    if selection.types:
        rows = rows.filter(type__in=selection.types)
    if selection.hidden_types:
        rows = rows.exclude(type__in=selection.hidden_types)
    events = [(int(row.sequence or 0), _line(row)) for row in rows[:PAGE]]
    is_last = len(events) < PAGE
    # What was passed over counts as looked at: the next read does not begin there again.
    looked_at = max(after, last) if is_last else events[-1][0]
    return Page(events, max(looked_at, events[-1][0] if events else 0), is_last)


async def follow_events(
    selection: Selection, after: int
) -> AsyncGenerator[bytes, None]:
    """Yield the events beyond number `after`, until the reader goes."""
    with listen(EVENTS_CHANNEL) as inbox:
        # The number, so that who is cut off before the first event goes on from here.
        yield f"retry: {RECONNECT_MILLISECONDS}\nid: {after}\n\n".encode()
        while True:
            async for page in read_repeatedly(read_events, selection, after):
                if page is None:
                    yield KEEPALIVE
                    continue
                for sequence, text in page.events:
                    yield f"id: {sequence}\ndata: {text}\n\n".encode()
                after, is_last = page.after, page.is_last
            while is_last and not await inbox.wait(HEARTBEAT_SECONDS):
                yield KEEPALIVE
            inbox.take()
            inbox.has_lost_something()  # it is read anyhow


def _line(event: OutboxEvent) -> str:
    content = event.as_content()
    return escape_line_ends(
        json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    )
