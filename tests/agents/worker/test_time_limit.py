"""The time limit of a task, from its row to the end of its run."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from agents.worker.loop import Worker
from tasks import lifecycle, pubsub
from tasks.models import LogEntry, Run, Task
from tests import waiting
from tests.factories import TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)

TOLD = (
    "The time limit of 0.01 minutes is reached, and what was under way was ended. Resume for"
    " as long again, or raise timeoutMinutes first."
)


@pytest.fixture
async def worker():
    worker = Worker(channel_layer=get_channel_layer())
    pubsub.use_loop(asyncio.get_running_loop())
    handling = asyncio.create_task(worker.handle())
    yield worker
    await worker.stop(grace=0)
    await handling
    pubsub.use_loop(None)


async def finished(task):
    await waiting.until(sync_to_async(lambda: Task.objects.get(pk=task.pk).is_finished))
    return await Task.objects.aget(pk=task.pk)


async def test_the_run_fails_with_the_reason_and_can_be_resumed(worker):
    script = "checkpoint\nsleep: 60\nfinish: never"
    task = await sync_to_async(TaskFactory)(
        status=Task.Status.QUEUED, description=script, timeout_minutes=0.01
    )
    await sync_to_async(lifecycle.start_run)(task, by="a test")
    ended = await finished(task)
    assert ended.status == Task.Status.FAILED
    assert (await Run.objects.aget(task=task)).error == TOLD
    last = await LogEntry.objects.filter(task_id=task.pk).order_by("-sequence").afirst()
    assert (last.event_type, last.message) == ("error", TOLD)
    await Task.objects.filter(pk=task.pk).aupdate(
        timeout_minutes=None, description="checkpoint\nfinish: it went on"
    )
    resumed = await sync_to_async(lifecycle.resume)(
        await Task.objects.aget(pk=task.pk), by="a test"
    )
    assert resumed.is_resume
    assert (await finished(task)).result == "it went on"


async def test_an_agent_that_is_never_silent_has_it_too(worker):
    script = "\n".join(["say: and on", "sleep: 0.01"] * 2_000)
    task = await sync_to_async(TaskFactory)(
        status=Task.Status.QUEUED, description=script, timeout_minutes=0.01
    )
    await sync_to_async(lifecycle.start_run)(task, by="a test")
    assert (await finished(task)).status == Task.Status.FAILED
    assert (await Run.objects.aget(task=task)).error == TOLD
