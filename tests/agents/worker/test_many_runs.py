"""Hundreds of runs at once on one worker: they wait on the network, not for each other."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from agents import runtimes
from agents.worker.loop import Worker
from ledger.models import LedgerEntry
from tasks import lifecycle
from tasks.models import Task
from tests.agents.worker.test_loop import until
from tests.factories import TaskFactory
from tests.servers.anthropic import MessagesServer, Reply

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

RUNS = 200
PATIENCE_SECONDS = 120


class WaitingServer(MessagesServer):
    """Answers nobody until more than half of the runs have asked."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.asking = 0
        self.together = asyncio.Event()

    async def _answer(self, *arguments):
        self.asking += 1
        if self.asking > RUNS / 2:
            self.together.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.together.wait()
        return await super()._answer(*arguments)


@sync_to_async
def execute_all():
    for _ in range(RUNS):
        task = TaskFactory(status=Task.Status.QUEUED, assigned_agent="anthropic-direct")
        lifecycle.start_run(task, by="a test")


async def test_two_hundred_runs_wait_for_the_model_together(monkeypatch):
    async with WaitingServer([Reply("Done.")]) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
        runtimes.get_runtime("anthropic-direct")
        await execute_all()
        worker = Worker(channel_layer=get_channel_layer())
        handling = asyncio.create_task(worker.handle())
        under_way = Task.objects.filter(
            status__in=[Task.Status.QUEUED, Task.Status.RUNNING]
        )
        await until(lambda: not under_way.exists())
        await worker.stop(grace=0)
        await handling
    assert server.together.is_set()
    assert await Task.objects.filter(status=Task.Status.COMPLETED).acount() == RUNS
    assert await LedgerEntry.objects.acount() == RUNS
