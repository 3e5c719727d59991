"""What a request has used is booked, whoever breaks it off in the middle of its answer."""

import pytest
from asgiref.sync import sync_to_async

from agents.protocol.events import UsageReported
from agents.worker.execution import Execution
from ledger.models import LedgerEntry
from ledger.pricing import Usage
from tasks import lifecycle
from tasks.lifecycle.runs import Outcome
from tasks.models import LogEntry, Run, Task
from tests.agents.worker.test_loop import until, working
from tests.factories import RunFactory, TaskFactory
from tests.servers.anthropic import MessagesServer, Reply

pytestmark = pytest.mark.django_db(transaction=True)

ENDLESS = Reply("Revenue grew in three of four quarters.", pace=0.1, fault="stall")


@pytest.fixture(params=["anthropic-direct", "claude-code"])
async def answering(request, monkeypatch):
    """A task whose model is in the middle of its answer, and the worker that hears it."""
    async with MessagesServer([ENDLESS]) as server, working() as worker:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
        task = await sync_to_async(TaskFactory)(
            status=Task.Status.QUEUED, assigned_agent=request.param
        )
        await sync_to_async(lifecycle.start_run)(task, by="a test")
        execution = await until(lambda: next(iter(worker.executions.values()), None))
        recorder = execution.recorder
        # Its provider has told counts: before that, what is known is but an estimate.
        await until(lambda: any(not one.is_estimated for one in recorder.unbooked))
        yield task, worker


async def booked(worker, task_id):
    """Return what is booked once nothing runs any more.

    Of a run that is no longer held a beginning may be booked first, and be corrected.
    """
    await until(lambda: not worker.executions)
    totals = await sync_to_async(LedgerEntry.objects.for_task(task_id).totals)()
    assert totals.requests == 1
    return totals


@pytest.mark.parametrize(
    "end",
    [
        lambda task: lifecycle.cancel(task, by="a test"),
        lambda task: lifecycle.record_status(task, Task.Status.FAILED, by="a test"),
        lifecycle.delete,
    ],
    ids=["cancel", "ended from outside", "delete"],
)
async def test_of_a_task_that_is_ended(answering, end):
    task, worker = answering
    task_id = task.pk
    await task.arefresh_from_db()
    await sync_to_async(end)(task)
    totals = await booked(worker, task_id)
    assert totals.input_tokens > 0
    assert totals.cost_microdollars > 0


async def test_of_a_run_that_is_handed_over(answering):
    task, worker = answering
    await worker.stop(grace=0)
    assert (await booked(worker, task.pk)).input_tokens > 0
    told = LogEntry.objects.filter(task=task, event_type="usage")
    assert await told.acount() == 1


async def test_a_count_that_no_database_takes_keeps_no_run_from_its_end(caplog):
    run = await sync_to_async(RunFactory)(status=Run.Status.RUNNING)
    execution = Execution(run)
    for key, count in (("bad", "many"), ("good\ud800", 7)):
        usage = Usage(provider="anthropic", model="m", input_tokens=count)
        execution.recorder.remember_usage(UsageReported(key, usage))
    outcome = Outcome(Task.Status.FAILED, "It failed.")
    await sync_to_async(execution._conclude)(outcome)
    await run.task.arefresh_from_db()
    assert run.task.status == Task.Status.FAILED
    assert (await LedgerEntry.objects.aget()).input_tokens == 7
    assert "is not booked" in caplog.text
