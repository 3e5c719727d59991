"""The log as server-sent events.

Listen first, then read the table until it is dry, then wait. What is pushed meanwhile is
used only if it is the next entry; anything else means: read the table. So rings may be
lost, doubled or disordered, and every client gets every entry once and in order.

Uses django-eventstream's listeners and their registry (hence its exact version), not its
view: that one keeps a thread and a database connection a client, and cannot end a stream.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import Error
from django_eventstream.event import Event
from django_eventstream.views import Listener, get_listener_manager

from tasks.models import LogEntry, Task
from tasks.models.log import entry_json, partial_json
from tasks.models.task_status import FINAL
from tasks.pubsub import log_channel
from tasks.streams.log_watcher import run_in_reader, watcher
from tasks.streams.loops import log_failure

T = TypeVar("T")

HEARTBEAT_SECONDS = 15
KEEPALIVE = b": keepalive\n\n"
RECONNECT_MILLISECONDS = 2000
# How much is read at once: whichever is reached first. An entry may be megabytes long.
PAGE = 500
PAGE_CHARACTERS = 2**18
FETCHED_AT_ONCE = 50
WAIT_SECONDS = 2.0
RETRY_SECONDS = 1.0  # after a read that failed


@dataclass(frozen=True)
class Page:
    """The next entries of a log, and whether more can come."""

    entries: list[tuple[int, str]]  # (sequence, JSON)
    is_last: bool  # nothing was there beyond these
    has_ended: bool  # the task is finished, or gone


def read_log(task_id: UUID, after: int) -> Page:
    """Read the next entries, and whether more can come.

    The status before the entries: what was logged before the end is then in this read.
    """
    status = Task.objects.filter(pk=task_id).values_list("status", flat=True).first()
    rows = (
        LogEntry.objects.filter(task_id=task_id)
        .after(after)
        .values_list("sequence", "event_type", "message", "recorded_at", "data")[:PAGE]
    )
    entries: list[tuple[int, str]] = []
    characters = 0
    for row in rows.iterator(FETCHED_AT_ONCE):
        entries.append((row[0], entry_json(*row)))
        characters += len(entries[-1][1])
        if characters >= PAGE_CHARACTERS:
            break
    is_last = characters < PAGE_CHARACTERS and len(entries) < PAGE
    return Page(entries, is_last, status is None or status in FINAL)


async def follow_log(
    task_id: UUID, after: int, *, with_partial: bool = False
) -> AsyncGenerator[bytes, None]:
    """Yield the server-sent events of a task's log beyond entry `after`, until its end.

    `with_partial` also what is unfinished, which is in no log.
    """
    with listen(log_channel(task_id)) as inbox:
        yield f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
        follower = Follower(after, with_partial=with_partial)
        while not follower.has_ended:
            async for page in read_repeatedly(read_log, task_id, follower.after):
                for event in follower.read(page):
                    yield event
            if follower.must_wait:
                async for event in follower.follow_pushed(inbox):
                    yield event


async def read_repeatedly(
    read: Callable[..., T], *arguments: Any
) -> AsyncIterator[T | None]:
    """Yield what `read` returns; before it None now and then, as long as it cannot be had."""
    while True:
        reading = asyncio.ensure_future(run_in_reader(read, *arguments))
        try:
            while not (await asyncio.wait([reading], timeout=HEARTBEAT_SECONDS))[0]:
                yield None
            yield reading.result()
            return
        except (Error, OSError) as error:
            log_failure("read a log", error)
        finally:
            reading.cancel()
        yield None
        await asyncio.sleep(RETRY_SECONDS)


async def wait_until_finished(task_id: UUID, *, seconds: float = WAIT_SECONDS) -> None:
    """Wait for the task's end, so long at most."""
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(seconds),
            aclosing(follow_log(task_id, 2**31)) as log,
        ):
            async for _ in log:
                pass


class Follower:
    """Where one reader of a log is: at the entry `after`."""

    def __init__(self, after: int, *, with_partial: bool = False) -> None:
        self.after = after
        self.with_partial = with_partial
        self.has_ended = False
        self.must_wait = False  # all that there is was read

    def read(self, page: Page | None) -> Iterator[bytes]:
        """Yield the events of what was read; if that did not work yet, a sign of life."""
        if page is None:
            yield KEEPALIVE
            return
        for sequence, text in page.entries:
            yield self.sent(sequence, text)
        self.has_ended = page.is_last and page.has_ended
        self.must_wait = page.is_last and not page.has_ended

    def sent(self, sequence: int, text: str) -> bytes:
        self.after = sequence
        return f"id: {sequence}\ndata: {text}\n\n".encode()

    async def follow_pushed(self, inbox: "Inbox") -> AsyncIterator[bytes]:
        """Yield what is pushed as long as it follows; end where the table must be read."""
        must_read = False
        while not must_read:
            if not await inbox.wait(HEARTBEAT_SECONDS):
                yield KEEPALIVE
                continue
            for data in inbox.take():
                if "partial" in data:
                    if self.with_partial:
                        yield _partial(data["partial"])
                    continue
                must_read |= not data["entries"]
                for sequence, text in data["entries"]:
                    if sequence == self.after + 1:
                        yield self.sent(sequence, text)
                    must_read |= sequence > self.after
            must_read |= inbox.has_lost_something()


def _partial(text: str) -> bytes:
    # A named event: `onmessage` sees only what is in the log.
    return f"event: partial\ndata: {partial_json(text)}\n\n".encode()


class Inbox:
    """What django-eventstream queues for one reader."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.listener = Listener()
        self.listener.assign_loop()
        self.listener.channels = {channel}

    async def wait(self, seconds: float) -> bool:
        """Wait for a ring; False if none came in time."""
        try:
            async with asyncio.timeout(seconds):
                await self.listener.aevent.wait()
        except TimeoutError:
            return False
        self.listener.aevent.clear()
        return True

    def take(self) -> list[dict[str, Any]]:
        with get_listener_manager().lock:
            events: list[Event] = self.listener.channel_items.pop(self.channel, [])
        return [event.data for event in events] or [{"entries": []}]

    def has_lost_something(self) -> bool:
        with get_listener_manager().lock:
            overflow, self.listener.overflow = self.listener.overflow, False
        return bool(overflow)


@contextmanager
def listen(channel: str) -> Iterator[Inbox]:
    """Have what is pushed to `channel` queued from now on."""
    manager = get_listener_manager()
    inbox = Inbox(channel)
    watcher.start()
    manager.add_listener(inbox.listener)
    try:
        yield inbox
    finally:
        manager.remove_listener(inbox.listener)
