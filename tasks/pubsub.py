"""Wakes workers and readers of a log. It carries nothing that matters.

Every ring may be lost, doubled or late: workers also look at the table by themselves, and
a reader takes an entry from a ring only if it is the next one, else it reads the table.
In one process the rings go from thread to event loop; with REDIS_URL they go over Redis.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

import orjson
from channels.layers import get_channel_layer
from django.conf import settings
from django_eventstream.event import Event
from django_eventstream.views import get_listener_manager

if settings.REDIS_URL:  # it is slow to load, for every command too
    import redis

    FAILURES: tuple[type[Exception], ...] = (OSError, redis.RedisError)
else:
    FAILURES = (OSError,)

log = logging.getLogger(__name__)

WORKERS = "workers"  # the group that every worker joins
EVENTS_CHANNEL = "events"  # of who follows the outbox

_loop: asyncio.AbstractEventLoop | None = None


def use_loop(loop: asyncio.AbstractEventLoop | None) -> None:
    """Send rings from any thread through `loop`: channel layers belong to one loop."""
    global _loop
    _loop = loop


def log_channel(task_id: UUID) -> str:
    return f"log:{task_id}"


def wake_workers(*, cancelled: UUID | None = None, told: UUID | None = None) -> None:
    """Tell workers that a run is queued or answered, or what a live run is to hear of.

    `cancelled` is to stop, and for the agent of `told` there is a message.
    """
    message: dict[str, Any] = {"type": "task.wake"}
    if cancelled:
        message = {"type": "task.cancel", "run_id": str(cancelled)}
    elif told:
        message = {"type": "task.message", "run_id": str(told)}
    _send(lambda: _group_send(message))


async def _group_send(message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        await layer.group_send(WORKERS, message)
    except FAILURES as error:
        log.warning("Could not ring the workers (they look by themselves): %s", error)


async def reach_layer() -> bool:
    """Tell whether messages can be sent: to a group that nobody joins."""
    layer = get_channel_layer()
    if layer is None:
        return False
    try:
        await layer.group_send("health", {"type": "health.check"})
    except FAILURES:
        return False
    return True


def _send(make: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop = _loop
    if loop is not None and loop.is_running():
        asyncio.run_coroutine_threadsafe(make(), loop)
    elif settings.REDIS_URL:
        # A command of its own: no loop lasts here, so nothing is kept between rings.
        asyncio.run(make())


def publish_entries(
    task_id: UUID, entries: list[tuple[int, str]], *, is_announced: bool = False
) -> None:
    """Push `entries` (sequence, JSON) to who follows the log; none means: look again.

    Where the outbox has got an event with them, who follows that is told, too.
    """
    # In the same message: a second one would cost as much again.
    _publish(log_channel(task_id), {"entries": entries, "is_announced": is_announced})


def publish_events() -> None:
    """Tell who follows the outbox that it has a new event."""
    _publish(EVENTS_CHANNEL, {"entries": []})


def publish_partial(task_id: UUID, text: str) -> None:
    """Show unfinished text to who follows the log just now."""
    _publish(log_channel(task_id), {"partial": text})


def pass_on(channel: str, data: dict[str, Any]) -> None:
    """Give a message to this process's readers of a channel."""
    add = get_listener_manager().add_to_queues
    add(channel, Event(channel, "message", data))
    if data.get("is_announced"):
        add(EVENTS_CHANNEL, Event(EVENTS_CHANNEL, "message", {"entries": []}))


def _publish(channel: str, data: dict[str, Any]) -> None:
    if not settings.REDIS_URL:
        pass_on(channel, data)
        return
    message = {
        "channel": channel,
        "event_type": "message",
        "data": data,
        "pub_id": None,
    }
    try:
        _redis().publish("events_channel", orjson.dumps(message))
    except FAILURES as error:
        log.warning(
            "Could not ring the readers of %s (they look by themselves): %s",
            channel,
            error,
        )


_client: "redis.Redis | None" = None


def _redis() -> "redis.Redis":
    global _client
    if _client is None:
        # Short: a ring is not worth waiting for.
        _client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=None
        )
    return _client
