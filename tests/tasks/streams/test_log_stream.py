"""Every reader gets every entry once and in order, whatever becomes of the rings."""

import asyncio
import json
import threading
from datetime import datetime

import pytest
import redis.asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, transaction

from tasks import pubsub
from tasks.models import EventType, LogEntry, NewEntry, Task
from tasks.streams import log_stream, log_watcher
from tests.factories import LogEntryFactory, TaskFactory
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def log(task, *messages):
    entries = [NewEntry(EventType.ASSISTANT, message) for message in messages]
    LogEntry.objects.append(task.pk, *entries)


@sync_to_async
def end(task):
    with transaction.atomic():  # as every end is: else readers may miss its entry
        Task.objects.filter(pk=task.pk).update(status=Task.Status.COMPLETED)
        LogEntry.objects.append(task.pk, NewEntry(EventType.RESULT, "Completed."))
    pubsub.publish_entries(task.pk, [])


class Reader:
    def __init__(self, task, after=0):
        self.stream = log_stream.follow_log(task.pk, after)

    async def next(self):
        """Return the next event as (id, message)."""
        async for event in self.stream:
            lines = event.decode().splitlines()
            if lines[0].startswith("id: "):
                message = json.loads(lines[1].removeprefix("data: "))["message"]
                return int(lines[0].removeprefix("id: ")), message
        return None

    async def rest(self):
        events = []
        while event := await self.next():
            events.append(event)
        return events


def waits(task):
    """Tell whether a reader has read all there is, and waits for what is pushed."""
    listeners = log_stream.get_listener_manager().listeners_by_channel
    return any(
        listener.aevent._waiters
        for listener in listeners.get(pubsub.log_channel(task.pk), ())
    )


@pytest.fixture
async def task():
    return await sync_to_async(TaskFactory)(status=Task.Status.RUNNING)


@pytest.fixture
def silence(monkeypatch):
    """Lose every ring."""
    monkeypatch.setattr(pubsub, "_publish", lambda *arguments: None)


async def test_a_late_reader_gets_the_log_from_its_start(task):
    await log(task, "one", "two")
    await end(task)
    assert await Reader(task).rest() == [(1, "one"), (2, "two"), (3, "Completed.")]


async def test_an_event_is_the_same_lines_to_readers_that_split_as_unicode_does(task):
    said = "one\x85two\u2028three\u2029four"
    await log(task, said)
    await end(task)
    assert await Reader(task).rest() == [(1, said), (2, "Completed.")]


async def test_unfinished_text_is_one_line_too(task):
    stream = log_stream.follow_log(task.pk, 0, with_partial=True)
    said = "one\x85two\u2028three\u2029four"
    events = aiter(stream)
    await anext(events)
    waiting = asyncio.create_task(anext(events))
    while not waiting.done():  # what comes before it listens is lost
        await sync_to_async(pubsub.publish_partial)(task.pk, said)
        await asyncio.wait({waiting}, timeout=0.05)
    name, data = (await waiting).decode().splitlines()[:2]
    assert name == "event: partial"
    assert json.loads(data.removeprefix("data: "))["message"] == said
    await stream.aclose()


async def test_a_reader_that_comes_back_gets_what_it_has_not_seen(task):
    await log(task, "one", "two")
    await end(task)
    assert await Reader(task, after=2).rest() == [(3, "Completed.")]


async def test_a_waiting_reader_gets_entries_as_they_are_committed(task):
    reader = Reader(task)
    await log(task, "one")
    assert await reader.next() == (1, "one")
    waiting = asyncio.create_task(reader.next())
    await until(lambda: waits(task))
    await log(task, "two")
    assert await waiting == (2, "two")
    await end(task)
    assert await reader.rest() == [(3, "Completed.")]


async def test_lost_rings_cost_a_wait_but_no_entry(task, silence, monkeypatch):
    monkeypatch.setattr(log_watcher, "POLL_SECONDS", 0.05)
    reader = Reader(task)
    await log(task, "one")
    assert await reader.next() == (1, "one")
    waiting = asyncio.create_task(reader.rest())
    await until(lambda: waits(task))
    await log(task, "two", "three")
    await end(task)
    assert await waiting == [(2, "two"), (3, "three"), (4, "Completed.")]


async def test_doubled_and_disordered_rings_change_nothing(task):
    reader = Reader(task)
    await log(task, "one")
    assert await reader.next() == (1, "one")
    waiting = asyncio.create_task(reader.rest())
    await until(lambda: waits(task))
    for sequence in (1, 9, 2, 1):
        pubsub.publish_entries(task.pk, [(sequence, "{}")] if sequence == 1 else [])
    await log(task, "two")
    await end(task)
    assert await waiting == [(2, "two"), (3, "Completed.")]


async def test_a_burst_that_overflows_the_queue_is_read_from_the_table(task):
    reader = Reader(task)
    await log(task, "0")
    await reader.next()
    for number in range(1, 50):
        await log(task, str(number))
    await end(task)
    messages = [message for _, message in await reader.rest()]
    assert messages == [str(number) for number in range(1, 50)] + ["Completed."]


async def test_a_long_log_is_read_page_by_page(task, monkeypatch):
    monkeypatch.setattr(log_stream, "PAGE", 10)
    await log(task, *[str(number) for number in range(35)])
    await end(task)
    assert [sequence for sequence, _ in await Reader(task).rest()] == list(range(1, 37))


async def partial(task, **options):
    """Return the next event, before which unfinished text goes by and then an entry."""
    stream = log_stream.follow_log(task.pk, 0, **options)
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await until(lambda: waits(task))
    pubsub.publish_partial(task.pk, "Once upon")
    await log(task, "Once upon a time")
    event = await waiting
    await stream.aclose()
    return event.decode()


async def test_unfinished_text_is_an_event_like_every_other_to_those_who_ask(task):
    event = await partial(task, with_partial=True)
    name, data = event.splitlines()[:2]
    assert name == "event: partial"  # which no `onmessage` hears
    shown = json.loads(data.removeprefix("data: "))
    assert (shown["eventType"], shown["message"]) == ("partial", "Once upon")
    assert datetime.fromisoformat(shown["timestamp"]).tzinfo is not None


async def test_who_does_not_ask_for_unfinished_text_gets_the_log_alone(task):
    assert (await partial(task)).startswith("id: 1\n")


async def test_the_stream_of_a_deleted_task_ends(task):
    reader = Reader(task)
    await log(task, "one")
    await reader.next()
    waiting = asyncio.create_task(reader.rest())
    await until(lambda: waits(task))
    await sync_to_async(Task.objects.all().delete)()
    pubsub.publish_entries(task.pk, [])
    assert await waiting == []


async def test_an_idle_stream_sends_a_comment_now_and_then(task, monkeypatch):
    monkeypatch.setattr(log_stream, "HEARTBEAT_SECONDS", 0.05)
    stream = log_stream.follow_log(task.pk, 0)
    await anext(stream)
    assert await anext(stream) == b": keepalive\n\n"
    await stream.aclose()


@sync_to_async
def rename(table, name):
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")


async def test_a_read_that_fails_is_tried_again_and_the_reader_hears_of_it(
    task, monkeypatch
):
    monkeypatch.setattr(log_stream, "RETRY_SECONDS", 0.05)
    await log(task, "one")
    await end(task)
    stream = log_stream.follow_log(task.pk, 0)
    await anext(stream)
    await rename("tasks_logentry", "away")
    assert await anext(stream) == b": keepalive\n\n"
    await rename("away", "tasks_logentry")
    rest = [event async for event in stream]
    assert [event[:6] for event in rest if event != b": keepalive\n\n"] == [
        b"id: 1\n",
        b"id: 2\n",
    ]


async def test_a_read_that_hangs_does_not_silence_the_stream(task, monkeypatch):
    monkeypatch.setattr(log_stream, "HEARTBEAT_SECONDS", 0.05)
    go_on = threading.Event()
    hanging = asyncio.ensure_future(log_watcher.run_in_reader(go_on.wait, 60))
    others = [
        asyncio.ensure_future(log_watcher.run_in_reader(go_on.wait)) for _ in "123"
    ]
    try:
        stream = log_stream.follow_log(task.pk, 0)
        await anext(stream)
        assert await anext(stream) == b": keepalive\n\n"
    finally:
        go_on.set()
    await asyncio.gather(hanging, *others)
    await stream.aclose()


async def test_a_page_is_bounded_however_long_its_entries_are(task, monkeypatch):
    monkeypatch.setattr(log_stream, "PAGE_CHARACTERS", 1_000)
    await log(task, *["x" * 400] * 10)
    await end(task)
    page = await sync_to_async(log_stream.read_log)(task.pk, 0)
    assert (len(page.entries), page.is_last) == (3, False)
    assert [sequence for sequence, _ in await Reader(task).rest()] == list(range(1, 12))


@pytest.mark.skipif(not settings.REDIS_URL, reason="rings go over Redis at a site only")
@pytest.mark.parametrize(
    "message",
    [
        b"no JSON",
        b"\xff",
        b"[]",
        b"1",
        b"{}",
        b'{"channel": "log:x"}',
        b'{"channel": [], "data": {"entries": []}}',
        b'{"channel": "CHANNEL", "data": []}',
        b'{"channel": "CHANNEL", "data": {"partial": 1}}',
        b'{"channel": "CHANNEL", "data": {"entries": 1}}',
        b'{"channel": "CHANNEL", "data": {"entries": [[1]]}}',
        b'{"channel": "CHANNEL", "data": {"entries": [["one", {}]]}}',
    ],
)
async def test_a_malformed_ring_is_dropped_and_the_next_is_heard(
    task, message, monkeypatch
):
    monkeypatch.setattr(log_watcher, "POLL_SECONDS", 3600)
    stream = log_stream.follow_log(task.pk, 0, with_partial=True)
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    channel = pubsub.log_channel(task.pk).encode()
    async with redis.asyncio.Redis.from_url(settings.REDIS_URL) as client:
        # Until it is listened to.
        await until(lambda: client.publish("events_channel", b"null"))
        await client.publish("events_channel", message.replace(b"CHANNEL", channel))
    await sync_to_async(pubsub.publish_partial)(task.pk, "Once upon")
    async with asyncio.timeout(60):
        assert (await waiting).startswith(b"event: partial")
    await stream.aclose()


async def test_readers_leave_nothing_behind(task):
    manager = log_stream.get_listener_manager()
    stream = log_stream.follow_log(task.pk, 0)
    await anext(stream)
    assert pubsub.log_channel(task.pk) in manager.listeners_by_channel
    await stream.aclose()
    assert pubsub.log_channel(task.pk) not in manager.listeners_by_channel


def test_sequences_have_no_gap(db):
    task = TaskFactory()
    for _ in range(5):
        LogEntryFactory(task=task)
    assert list(task.log.values_list("sequence", flat=True)) == [1, 2, 3, 4, 5]
