"""What people say reaches the agent of a run: at once, in order, once, whatever comes between."""

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.protocol import events
from agents.worker import loop as worker_module
from agents.worker.recorder import Recorder
from agents.worker.run_updates import look_up_updates
from tasks import lifecycle, pubsub
from tasks.exceptions import LeaseLost
from tasks.files.folders import locate_workspace
from tasks.lifecycle import messages
from tasks.models import Message, Run, Session, Task
from tasks.models.permission import Decision
from tests.agents.worker.test_loop import execute, finished, until, working
from tests.factories import DocumentFactory, RunFactory

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def tell(task, text, **options):
    return messages.send(Task.objects.get(pk=task.pk), text, by="ada", **options)


@sync_to_async
def told(task):
    """Return what the log tells of messages, and what the agent said of them."""
    wanted = task.log.filter(event_type__in=["message", "assistant"])
    return list(wanted.values_list("message", flat=True))


async def begun(task):
    await until(lambda: task.log.filter(message="begun").exists())


@pytest.mark.parametrize("is_heard", [True, False])
async def test_a_message_reaches_a_running_agent(is_heard, monkeypatch):
    """At once by a message to its worker; where that is lost, with the next poll."""
    if is_heard:
        monkeypatch.setattr(worker_module, "POLL_SECONDS", 600)
    async with working():
        task = await execute("say: begun", "hear", "finish: done")
        await begun(task)
        if not is_heard:
            monkeypatch.setattr(pubsub, "wake_workers", lambda **_: None)
        message, follow_up = await tell(task, "The other file!")
        task = await finished(task)
    assert (task.status, follow_up) == (Task.Status.COMPLETED, None)
    assert await told(task) == [
        "begun",
        "The other file!",
        "The agent has the message of ada.",
        "heard: The other file!",
    ]
    message = await Message.objects.aget(pk=message.pk)
    run = await Run.objects.aget(task=task)
    assert (message.run_id, message.delivered_at >= message.created_at) == (
        run.pk,
        True,
    )


async def test_messages_are_heard_in_the_order_in_which_they_were_said():
    async with working():
        task = await execute("say: begun", "ask: write:/x", "finish: done")
        request = await until(lambda: task.permission_requests.pending().first())
        for text in ("one", "two", "three"):
            await tell(task, text)
        await sync_to_async(request.decide)(Decision(is_allowed=True, by="ada"))
        task = await finished(task)
    heard = [text for text in await told(task) if text.startswith("heard")]
    assert heard == ["heard: one", "heard: two", "heard: three"]


async def test_what_was_said_before_and_after_a_hand_over_is_heard_once_in_order():
    async with working():
        task = await execute("say: begun", "ask: write:/x", "finish: done")
        await until(lambda: task.permission_requests.pending().exists())
        await tell(task, "one")
    run = await Run.objects.filter(task=task).alast()
    assert (run.attempt, run.status) == (2, Run.Status.QUEUED)  # handed over
    await tell(task, "two")
    async with working():
        request = await until(lambda: task.permission_requests.pending().first())
        await tell(task, "three")
        await sync_to_async(request.decide)(Decision(is_allowed=True, by="ada"))
        task = await finished(task)
    assert task.status == Task.Status.COMPLETED
    heard = [text for text in await told(task) if text.startswith("heard")]
    assert heard == ["heard: one", "heard: two", "heard: three"]
    assert not await Message.objects.filter(delivered_at=None).aexists()


async def test_what_was_said_to_a_queued_task_comes_with_its_start():
    task = await sync_to_async(Task.objects.create)(
        title="x", status=Task.Status.QUEUED, description="say: begun\nfinish: done"
    )
    await tell(task, "by the way")
    async with working():
        await sync_to_async(lifecycle.start_run)(task, by="ada")
        task = await finished(task)
    assert (await told(task))[:3] == [
        "by the way",
        "The agent has the message of ada.",
        "heard: by the way",
    ]


async def test_a_finished_task_hears_it_in_a_new_run_of_its_session():
    async with working():
        task = await finished(await execute("say: begun", "turn", "finish: done"))
        _, follow_up = await tell(task, "one more thing")
        await until(
            lambda: Run.objects.get(pk=follow_up.pk).status == Run.Status.COMPLETED
        )
    assert await told(task) == [
        "begun",
        "one more thing",
        "The agent has the message of ada.",
        "heard: one more thing",
    ]
    assert await Session.objects.filter(task=task).acount() == 1


async def test_what_is_said_to_an_agent_that_waits_for_a_permission_is_heard_after_it():
    async with working() as worker:
        task = await execute("say: begun", "ask: write:/x", "finish: done")
        request = await until(lambda: task.permission_requests.pending().first())
        await tell(task, "while you wait")
        await until(
            lambda: any(one.inbox.has_any for one in worker.executions.values())
        )
        assert await sync_to_async(task.permission_requests.pending().exists)()
        await sync_to_async(request.decide)(Decision(is_allowed=True, by="ada"))
        task = await finished(task)
    assert (await told(task))[-1] == "heard: while you wait"


# --- Documents ---------------------------------------------------------------------------


async def test_documents_come_as_files_and_their_text_with_the_message():
    kept = await sync_to_async(DocumentFactory)()
    gone = await sync_to_async(DocumentFactory)()
    async with working():
        task = await execute("say: begun", "hear", "finish: done")
        await begun(task)
        await sync_to_async(gone.delete)()
        message, _ = await tell(task, "See these.", document_ids=[kept.pk, gone.pk])
        task = await finished(task)
    [heard] = [text for text in await told(task) if text.startswith("heard")]
    assert "notes" in heard
    assert "Attached to this message: 1" in heard
    assert "cannot be given: 1" in heard
    path = f"message-{message.sequence}/notes.txt"
    assert f'path="/{path}"' in heard
    assert (locate_workspace(task.pk) / path).read_bytes() == b"notes"


async def test_what_the_agent_puts_in_the_way_of_documents_keeps_no_message_from_it():
    document = await sync_to_async(DocumentFactory)()
    async with working():
        task = await execute("say: begun", "hear", "finish: done")
        await begun(task)
        number = (await sync_to_async(task.log.count)()) + 1
        (locate_workspace(task.pk) / f"message-{number}").write_text("in the way")
        await tell(task, "See this.", document_ids=[document.pk])
        task = await finished(task)
    [heard] = [text for text in await told(task) if text.startswith("heard")]
    assert "See this." in heard
    assert "cannot be given: 1" in heard


# --- Once --------------------------------------------------------------------------------


@pytest.fixture
def run():
    return RunFactory(status=Run.Status.RUNNING)


def checkpoint(*message_ids, line=1):
    return events.CheckpointReached({"line": line}, [{"line": line}], True, message_ids)


def test_a_delivery_is_written_with_the_checkpoint_that_contains_it(run):
    message, _ = messages.send(run.task, "x", by="ada")
    event = checkpoint(message.pk)
    recorder = Recorder(run)
    recorder.record(event)
    recorder.record(event)  # its answer was lost: once more
    recorder.record(checkpoint(message.pk, line=2))
    message.refresh_from_db()
    assert message.delivered_at is not None
    entries = run.task.log.filter(event_type="message", data__isDelivered=True)
    assert entries.count() == 1
    run.session.refresh_from_db()
    assert run.session.state == '{"line": 2}'


def test_a_late_worker_delivers_nothing(run):
    message, _ = messages.send(run.task, "x", by="ada")
    Task.objects.filter(pk=run.task_id).update(live_run=None)
    with pytest.raises(LeaseLost):
        Recorder(run).record(checkpoint(message.pk))
    message.refresh_from_db()
    assert message.delivered_at is None


def test_no_run_delivers_the_message_of_another_task(run):
    other, _ = messages.send(RunFactory().task, "x", by="ada")
    Recorder(run).record(checkpoint(other.pk))
    other.refresh_from_db()
    assert other.delivered_at is None


# --- What it costs -----------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 3])
def test_the_poll_finds_messages_in_the_query_that_it_makes_anyway(run, count):
    for _ in range(count):
        last, _ = messages.send(run.task, "x", by="ada")
    with CaptureQueriesContext(connection) as queries:
        updates = look_up_updates([run.pk], [])
    assert len(queries) == 1
    assert updates.messages == ({run.pk: last.sequence} if count else {})


async def test_a_message_that_waits_is_read_once():
    async with working() as worker:
        task = await execute("say: begun", "ask: write:/x", "finish: done")
        await until(lambda: task.permission_requests.pending().exists())
        await tell(task, "while you wait")
        [execution] = worker.executions.values()
        await until(lambda: execution.inbox.has_any)
        reads = []
        execution.inbox.read = lambda: reads.append(1) or []
        sequence = (await Message.objects.aget(task=task)).sequence
        await execution.receive_messages(sequence)
        assert reads == []
