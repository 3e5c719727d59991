"""The log as server-sent events.

Listen first, then read the table until it is dry, then wait. What is pushed meanwhile is
used only if it is the next entry; anything else means: read the table. So rings may be
lost, doubled or disordered, and every client gets every entry once and in order.

Uses django-eventstream's listeners and their registry (hence its exact version), not its
view: that one keeps a thread and a database connection a client, and cannot end a stream.
"""

import asyncio
import contextvars
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import orjson
import redis
import redis.asyncio
from django import db
from django.conf import settings
from django_eventstream.event import Event
from django_eventstream.views import Listener, get_listener_manager

from tasks import lasting_connections
from tasks.doorbell import log_channel
from tasks.hop import database_threads
from tasks.json_lines import on_one_line
from tasks.models import LogEntry, Task
from tasks.models.log import entry_json
from tasks.models.task import FINAL

log = logging.getLogger(__name__)
T = TypeVar("T")

HEARTBEAT_SECONDS = 15
RECONNECT_MILLISECONDS = 2000
PAGE = 500
WAIT_SECONDS = 2.0
# How late an entry is whose ring was lost, or that came from a process that cannot ring.
POLL_SECONDS = 5.0 if settings.REDIS_URL else 0.5

# All streams share these threads and their connections.
_readers = database_threads(4, "log-reader")


@dataclass(frozen=True)
class Page:
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
    entries = [(row[0], entry_json(*row)) for row in rows]
    return Page(entries, len(entries) < PAGE, status is None or status in FINAL)


async def _read(function: Callable[..., T], *arguments: Any) -> T:
    return await _readers.run(lasting_connections.call, function, *arguments)


async def follow_log(task_id: UUID, after: int) -> AsyncGenerator[bytes, None]:
    """Yield the server-sent events of a task's log beyond entry `after`, until its end."""
    with _listening(task_id) as inbox:
        yield f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
        follower = Follower(after)
        while True:
            page = await _read(read_log, task_id, follower.after)
            for sequence, text in page.entries:
                yield follower.sent(sequence, text)
            if page.is_last and page.has_ended:
                return
            if page.is_last:
                async for event in follower.pushed(inbox):
                    yield event


async def until_finished(task_id: UUID) -> None:
    """Wait for the task's end, but not for long."""
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(WAIT_SECONDS),
            aclosing(follow_log(task_id, 2**31)) as log,
        ):
            async for _ in log:
                pass


class Follower:
    """Where one reader of a log is: at the entry `after`."""

    def __init__(self, after: int) -> None:
        self.after = after

    def sent(self, sequence: int, text: str) -> bytes:
        self.after = sequence
        return f"id: {sequence}\ndata: {text}\n\n".encode()

    async def pushed(self, inbox: "Inbox") -> AsyncIterator[bytes]:
        """Yield what is pushed as long as it follows; end where the table must be read."""
        must_read = False
        while not must_read:
            if not await inbox.wait(HEARTBEAT_SECONDS):
                yield b": keepalive\n\n"
                continue
            for data in inbox.take():
                if "partial" in data:
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
    data = on_one_line(orjson.dumps({"text": text}).decode())
    return f"event: partial\ndata: {data}\n\n".encode()


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
def _listening(task_id: UUID) -> Iterator[Inbox]:
    manager = get_listener_manager()
    inbox = Inbox(log_channel(task_id))
    _watcher.start()
    manager.add_listener(inbox.listener)
    try:
        yield inbox
    finally:
        manager.remove_listener(inbox.listener)


class Watcher:
    """Per process: hears Redis, and looks after logs whose rings were lost."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        self._loop = loop
        manager = get_listener_manager()
        # Ours in place of the library's, which is deaf for ever after an outage.
        manager.redis_listener = None
        # A context of their own: they outlive the request that starts them.
        for work in [self._poll()] + ([self._hear()] if settings.REDIS_URL else []):
            self._tasks.add(loop.create_task(work, context=contextvars.Context()))

    async def _hear(self) -> None:
        # redis-py may swallow a cancel: so whether one came is asked for, too.
        while not _is_cancelled():
            client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
            try:
                async with client, client.pubsub() as pubsub:
                    await pubsub.subscribe("events_channel")
                    while not _is_cancelled():
                        _pass_on(await pubsub.get_message(timeout=1.0))
            except (OSError, redis.RedisError) as error:
                log.warning("Redis is not heard (the table is polled): %s", error)
                await asyncio.sleep(2)

    async def _poll(self) -> None:
        """Wake the readers whose log has moved since the last look."""
        manager = get_listener_manager()
        seen: dict[UUID, tuple[str, int] | None] = {}
        while True:
            await asyncio.sleep(POLL_SECONDS)
            with manager.lock:
                channels = [
                    name for name in manager.listeners_by_channel if name[:4] == "log:"
                ]
            watched = [UUID(name[4:]) for name in channels]
            try:
                current = await _read(_positions, watched) if watched else {}
            except (db.Error, OSError) as error:
                log.warning("Logs are not polled: %s", error)
                continue
            for task_id in watched:
                # At the first look too: it may have moved since the reader's own.
                if task_id not in seen or current.get(task_id) != seen[task_id]:
                    channel = log_channel(task_id)
                    manager.add_to_queues(
                        channel, Event(channel, "message", {"entries": []})
                    )
            seen = {task_id: current.get(task_id) for task_id in watched}


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _pass_on(message: dict[str, Any] | None) -> None:
    if message and message["type"] == "message":
        ring = orjson.loads(message["data"])
        event = Event(ring["channel"], "message", ring["data"])
        get_listener_manager().add_to_queues(ring["channel"], event)


def _positions(task_ids: list[UUID]) -> dict[UUID, tuple[str, int]]:
    rows = Task.objects.filter(pk__in=task_ids).values_list(
        "pk", "status", "log_sequence"
    )
    return {pk: (status, last) for pk, status, last in rows}


_watcher = Watcher()
