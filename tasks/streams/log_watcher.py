"""Per process: hears the rings for readers of logs, and looks after logs whose rings were lost."""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

import orjson
from django.conf import settings
from django_eventstream.event import Event
from django_eventstream.views import get_listener_manager

from stagent.database import persistent_connections
from stagent.database.threads import database_threads
from tasks.models import OutboxCounter, OutboxEvent, Task
from tasks.pubsub import EVENTS_CHANNEL, log_channel, pass_on
from tasks.streams.loops import is_cancelled, repeat

if settings.REDIS_URL:
    import redis.asyncio

log = logging.getLogger(__name__)
T = TypeVar("T")

# How late an entry is whose ring was lost, or that came from a process that cannot ring.
POLL_SECONDS = 5.0 if settings.REDIS_URL else 0.5
RECONNECT_SECONDS = 2

# All streams share these threads and their connections.
_threads = database_threads(4, "log-reader")


async def run_in_reader(function: Callable[..., T], *arguments: Any) -> T:
    """Call `function` in one of the threads that read logs."""
    return await _threads.run(persistent_connections.call, function, *arguments)


class Watcher:
    """Looks for new entries of all logs that are followed, once for all their readers."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._seen: dict[UUID, tuple[str, int] | None] = {}
        self._last_event: Any = None

    def start(self) -> None:
        """Begin to watch, once for an event loop."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        self._loop = loop
        # Ours in place of the library's, which is deaf for ever after an outage.
        get_listener_manager().redis_listener = None
        self._spawn("poll the logs", self._poll, POLL_SECONDS)
        if settings.REDIS_URL:
            self._spawn(
                "hear Redis (the table is polled)", self._hear, RECONNECT_SECONDS
            )

    def _spawn(
        self, what: str, chore: Callable[[], Awaitable[None]], seconds: float
    ) -> None:
        # A context of their own: they outlive the request that starts them.
        work = repeat(what, chore, seconds=seconds)
        task = asyncio.get_running_loop().create_task(
            work, context=contextvars.Context()
        )
        self._tasks.add(task)

    async def _hear(self) -> None:
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
        async with client, client.pubsub() as pubsub:
            await pubsub.subscribe("events_channel")
            while not is_cancelled():
                message = await pubsub.get_message(timeout=1.0)
                if message and message["type"] == "message":
                    _pass_on(message["data"])

    async def _poll(self) -> None:
        """Wake the readers whose log has moved since the last look."""
        manager = get_listener_manager()
        with manager.lock:
            followed = list(manager.listeners_by_channel)
        channels = [name for name in followed if name[:4] == "log:"]
        if EVENTS_CHANNEL in followed:
            await self._look_at_events()
        watched = [UUID(name[4:]) for name in channels]
        current = await run_in_reader(_positions, watched) if watched else {}
        for task_id in watched:
            # At the first look too: it may have moved since the reader's own.
            if task_id not in self._seen or current.get(task_id) != self._seen[task_id]:
                channel = log_channel(task_id)
                manager.add_to_queues(
                    channel, Event(channel, "message", {"entries": []})
                )
        self._seen = {task_id: current.get(task_id) for task_id in watched}

    async def _look_at_events(self) -> None:
        last = await run_in_reader(_last_event)
        if last != self._last_event:
            pass_on(EVENTS_CHANNEL, {"entries": []})
        self._last_event = last


def _pass_on(content: bytes) -> None:
    """Give a ring to who follows that log; what is no ring of ours is said and dropped."""
    try:
        ring = orjson.loads(content)
        channel, data = str(ring["channel"]), _check(ring["data"])
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        log.warning(
            "Dropped a malformed message from Redis (%r): %.200r", error, content
        )
        return
    pass_on(channel, data)


def _check(data: dict[str, Any]) -> dict[str, Any]:
    """Return what a reader takes of a ring: its partial text, or its entries."""
    if isinstance(text := data.get("partial"), str):
        return {"partial": text}
    entries = [(int(sequence), str(text)) for sequence, text in data["entries"]]
    return {"entries": entries, "is_announced": data.get("is_announced") is True}


def _positions(task_ids: list[UUID]) -> dict[UUID, tuple[str, int]]:
    rows = Task.objects.filter(pk__in=task_ids).values_list(
        "pk", "status", "log_sequence"
    )
    return {pk: (status, last) for pk, status, last in rows}


def _last_event() -> tuple[int | None, bool]:
    """Return where the outbox is: its last number, and whether there is more to number."""
    counted = OutboxCounter.objects.values_list("last_sequence", flat=True)
    return counted.first(), OutboxEvent.objects.unpublished().exists()


watcher = Watcher()
