"""Runs that may have killed their workers get a worker each; see test_crashes for the kills."""

import asyncio
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from agents.worker.isolation import PoisonRuns
from agents.worker.loop import Worker
from agents.worker.single_run_worker import SingleRunWorker
from tasks import pubsub
from tasks.models import Run
from tasks.models.run import POISON_LOSSES
from tests.factories import RunFactory
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def started(monkeypatch):
    """The runs that a worker would start processes for."""
    ids: set[UUID] = set()

    async def start(self, run_id):
        ids.add(run_id)

    monkeypatch.setattr(PoisonRuns, "_start", start)
    yield ids
    pubsub.use_loop(None)


@pytest.fixture
def suspects():
    return [RunFactory(losses=POISON_LOSSES).pk for _ in range(2)]


async def test_a_worker_performs_no_suspect_itself(started, suspects):
    worker = Worker(channel_layer=get_channel_layer())
    handling = asyncio.create_task(worker.handle())
    await until(lambda: started == set(suspects))
    await worker.stop(grace=0)
    await handling
    assert await Run.objects.filter(status=Run.Status.QUEUED).acount() == 2


async def test_a_lone_worker_performs_its_run_and_starts_nobody(started, suspects):
    its_own, other = suspects
    await SingleRunWorker(its_own, channel_layer=get_channel_layer()).handle()
    statuses = await sync_to_async(dict)(Run.objects.values_list("pk", "status"))
    assert statuses[its_own] not in {Run.Status.QUEUED, Run.Status.RUNNING}
    assert statuses[other] == Run.Status.QUEUED
    assert not started
