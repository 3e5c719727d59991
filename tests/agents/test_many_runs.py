"""Hundreds of runs at once on one worker: they wait on the network, not for each other."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from agents import runtimes
from agents.worker import Worker
from ledger.models import LedgerEntry
from tasks import lifecycle
from tasks.models import Status, Task
from tests.factories import TaskFactory
from tests.servers.anthropic import MessagesServer, Reply

pytestmark = pytest.mark.django_db(transaction=True)

RUNS = 200
TURN_SECONDS = 2


class SlowServer(MessagesServer):
    """Thinks for two seconds, and counts how many it answers at once."""

    at_once = 0
    most_at_once = 0

    async def _answer(self, *arguments):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(TURN_SECONDS)
        self.at_once -= 1
        return await super()._answer(*arguments)


@sync_to_async
def execute_all():
    for _ in range(RUNS):
        task = TaskFactory(status=Status.QUEUED, assigned_agent="anthropic-direct")
        lifecycle.start_run(task, by="a test")


async def test_two_hundred_runs_wait_for_the_model_together(
    monkeypatch, record_property
):
    async with SlowServer([Reply("Done.")]) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
        runtimes.runtime("anthropic-direct")
        await execute_all()
        worker = Worker(channel_layer=get_channel_layer())
        handling = asyncio.create_task(worker.handle())
        while await Task.objects.exclude(status=Status.COMPLETED).aexists():
            await asyncio.sleep(0.05)
        await worker.stop(grace=0)
        await handling
    # Had they waited for each other, far fewer would have been under way together.
    assert server.most_at_once > RUNS / 2
    assert await LedgerEntry.objects.acount() == RUNS
