"""A worker in this process, on scripts of the echo runtime."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import OperationalError

from agents.protocol.runtime import ToolCall
from agents.worker import leases
from agents.worker import loop as worker_module
from agents.worker.chores import Chores
from agents.worker.log_entries import make_storable
from agents.worker.loop import Worker
from agents.worker.permissions import Gate
from agents.worker.recorder import Recorder
from ledger.budgets import BudgetExceeded
from ledger.models import Budget, LedgerEntry, Reservation
from tasks import lifecycle, models, pubsub
from tasks.catalog import Profile
from tasks.models import PermissionRequest, PermissionRule, Run, Task
from tasks.models.permission import Decision
from tests import waiting
from tests.factories import ProjectFactory, RunFactory, TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)


@asynccontextmanager
async def working(**options):
    worker = Worker(channel_layer=get_channel_layer(), **options)
    pubsub.use_loop(asyncio.get_running_loop())
    handling = asyncio.create_task(worker.handle())
    try:
        yield worker
    finally:
        await worker.stop(grace=0)
        await handling
        pubsub.use_loop(None)


@sync_to_async
def execute(*script, **fields):
    task = TaskFactory(
        status=Task.Status.QUEUED, description="\n".join(script), **fields
    )
    lifecycle.start_run(task, by="a test")
    return task


@sync_to_async
def reread(task):
    return Task.objects.get(pk=task.pk)


def until(condition, **options):
    """Wait for what is asked of the database, and return it."""
    return waiting.until(sync_to_async(condition), **options)


async def finished(task):
    await until(lambda: Task.objects.get(pk=task.pk).is_finished)
    return await reread(task)


async def looked_again(worker):
    """Wait until the worker has looked for work from start to end."""
    looks = []
    poll = worker._poll

    async def poll_and_count():
        await poll()
        looks.append(None)

    worker._poll = poll_and_count
    worker._woken.set()
    await waiting.until(lambda: len(looks) == 2)  # one may have begun before


def messages(task):
    return sync_to_async(lambda: list(task.log.values_list("message", flat=True)))()


async def pending(task):
    return await until(
        lambda: PermissionRequest.objects.pending().filter(task=task).first()
    )


answer = sync_to_async(PermissionRequest.decide)


async def test_a_task_is_performed_and_its_result_kept():
    async with working():
        task = await finished(await execute("say: hello", "finish: the result"))
    assert (task.status, task.result, task.live_run) == (
        Task.Status.COMPLETED,
        "the result",
        None,
    )


async def test_a_failure_becomes_a_status_a_log_entry_and_a_reason():
    async with working():
        task = await finished(await execute("fail: The key was refused."))
    assert task.status == Task.Status.FAILED
    assert (await messages(task))[-1] == "The key was refused."


async def test_an_unexpected_error_leaves_its_traceback_with_the_run(caplog):
    async with working():
        task = await finished(await execute("crash: by zero"))
    run = await Run.objects.aget(task=task)
    assert task.status == Task.Status.FAILED
    assert "ZeroDivisionError: by zero" in run.error
    assert "echo.py" in run.traceback


@pytest.mark.parametrize("is_heard", [True, False])
async def test_a_cancel_reaches_a_running_agent(is_heard, monkeypatch):
    async with working():
        task = await execute("say: begun", "sleep: 600")
        await until(lambda: task.log.filter(message="begun").exists())
        if not is_heard:
            monkeypatch.setattr(pubsub, "wake_workers", lambda **_: None)
        await sync_to_async(lifecycle.cancel)(task, by="a test")
        task = await finished(task)
    assert task.status == Task.Status.CANCELLED


async def test_an_answer_lets_the_agent_go_on():
    async with working():
        task = await execute("ask: write:/a.txt", "finish: done")
        request = await pending(task)
        await answer(request, Decision(True, by="a person"))
        task = await finished(task)
    assert task.status == Task.Status.COMPLETED
    assert "Using write:/a.txt" in await messages(task)


async def test_a_denial_carries_the_persons_words_to_the_agent():
    async with working():
        task = await execute("ask: write:/a.txt", "finish: done")
        await answer(
            await pending(task), Decision(False, by="a person", message="not there")
        )
        await finished(task)
    assert "denied: not there" in await messages(task)


async def test_the_edited_input_is_what_runs():
    async with working():
        task = await execute("ask: write:/a.txt", "finish: done")
        edited = {"target": "/b.txt"}
        await answer(
            await pending(task), Decision(True, by="a person", edited_input=edited)
        )
        await finished(task)
    assert "did /b.txt" in await messages(task)


async def test_an_always_allow_rule_spares_the_next_question():
    async with working():
        task = await execute(
            "ask: write:/reports/a.md", "ask: write:/reports/b.md", "finish: done"
        )
        allowed = Decision(True, by="a person", always_allow="write:/reports/*")
        await answer(await pending(task), allowed)
        task = await finished(task)
    rule = await PermissionRule.objects.aget()
    assert (rule.use_count, rule.created_by) == (1, "a person")
    assert await PermissionRequest.objects.acount() == 1


async def test_a_rule_of_one_project_does_not_hold_in_another():
    project = await sync_to_async(ProjectFactory)()
    await PermissionRule.objects.acreate(pattern="write:/a.txt", project=project)
    async with working():
        inside = await execute("ask: write:/a.txt", "finish: done", project=project)
        outside = await execute("ask: write:/a.txt", "finish: done")
        await finished(inside)
        await pending(outside)


async def test_a_deny_rule_beats_an_allow_rule():
    await PermissionRule.objects.acreate(pattern="write:/**")
    await PermissionRule.objects.acreate(pattern="write:/secret/*", effect="deny")
    async with working():
        task = await finished(
            await execute("ask: write:/secret/a", "ask: write:/b", "finish: x")
        )
    said = await messages(task)
    assert "denied: The rule write:/secret/* denies this." in said
    assert "did /b" in said


async def test_an_agent_may_ask_for_several_things_at_once(tmp_path):
    run = await sync_to_async(RunFactory)(status=Run.Status.RUNNING)
    profile = Profile(id="p", name="P", description="", instructions="")
    gate = Gate(Recorder(run), profile)
    calls = [ToolCall(c, "write", {"p": c}, f"write:/{c}", c) for c in "ab"]
    first, second = (asyncio.create_task(gate.ask(call)) for call in calls)
    await until(lambda: PermissionRequest.objects.filter(call_id="b").exists())
    await until(lambda: PermissionRequest.objects.filter(call_id="a").exists())
    asked = await PermissionRequest.objects.aget(call_id="b")
    await waiting.until(lambda: len(gate.waiting_for) == 2)
    await answer(asked, Decision(True, by="a person"))
    await gate.wake()
    assert (await second).is_allowed
    assert gate.waiting_for != []
    await answer(
        await PermissionRequest.objects.aget(call_id="a"),
        Decision(False, by="a person"),
    )
    await gate.wake()
    assert not (await first).is_allowed
    assert gate.waiting_for == []


async def test_a_run_is_parked_until_its_provider_takes_requests_again():
    async with working():
        task = await execute("checkpoint", "park: 1", "finish: made it")
        task = await finished(task)
    assert task.result == "made it"
    statuses = Run.objects.order_by("attempt").values_list("status", flat=True)
    assert [status async for status in statuses] == ["parked", "completed"]


async def test_agents_that_are_processes_are_bounded_for_themselves(
    settings, monkeypatch
):
    monkeypatch.setattr(worker_module.catalog, "PROCESS_RUNTIMES", ("echo",))
    settings.STAGENT_AGENT_PROCESSES = 1
    async with working() as worker:
        first = await execute("say: begun", "sleep: 600")
        await until(lambda: first.log.filter(message="begun").exists())
        await execute("sleep: 600")
        await looked_again(worker)
        assert list(worker.executions) == [first.live_run]


async def test_what_waits_for_a_person_takes_nobodys_place():
    async with working(concurrency=1):
        waiting = await execute("ask: write:/a.txt", "finish: done")
        await pending(waiting)
        other = await finished(await execute("finish: done"))
    assert other.status == Task.Status.COMPLETED


async def test_usage_is_booked_once_however_often_it_is_told():
    use = "use: input=1000 output=100 key=the-same"
    async with working():
        await finished(await execute(use, use, "finish: done"))
    entry = await LedgerEntry.objects.aget()
    assert (entry.input_tokens, entry.cost_microdollars) == (1000, 4500)
    assert await Reservation.objects.acount() == 0


async def test_a_call_that_a_rule_denies_is_in_the_log_with_its_input():
    await PermissionRule.objects.acreate(pattern="write:/a.txt", effect="deny")
    async with working():
        task = await finished(await execute("ask: write:/a.txt", "finish: done"))
    entries = task.log.filter(event_type__startswith="tool_").order_by("sequence")
    use, result = [entry async for entry in entries]
    assert (use.event_type, use.message) == ("tool_use", "Not run: Using write:/a.txt")
    assert use.data["toolInput"] == {"target": "/a.txt"}
    assert use.data["isRun"] is False
    assert (result.event_type, result.data["isError"]) == ("tool_result", True)
    assert "The rule write:/a.txt denies this." in result.message


async def test_a_used_up_budget_stops_the_run_before_its_next_request():
    spend = "use: input=1000000 output=0"  # three dollars
    async with working():
        task = await finished(
            await execute(spend, "turn", "say: the next request", "finish: no")
        )
    said = await messages(task)
    assert task.status == Task.Status.FAILED
    assert "the next request" not in said
    assert said[-1] == (
        "This task has used up its own budget of 2.00 USD: raise maxBudgetUsd to go on."
        " Then resume."
    )


async def test_the_last_turn_counts_even_when_it_used_up_the_budget():
    spend = "use: input=1000000 output=0"
    async with working():
        task = await finished(await execute(spend, "checkpoint", "finish: the result"))
    assert task.result == "the result"


async def test_parallel_runs_cannot_overspend_a_budget_together():
    await Budget.objects.acreate(
        scope="overall", period="daily", limit_microdollars=4_000_000
    )
    await execute("sleep: 600")
    await execute("sleep: 600")
    with pytest.raises(BudgetExceeded):
        await execute("sleep: 600")
    reserved = [row.amount_microdollars async for row in Reservation.objects.all()]
    assert sum(reserved) == 4_000_000


async def test_a_resumed_task_goes_on_after_its_checkpoint():
    async with working():
        task = await execute("say: before", "checkpoint", "say: after", "sleep: 600")
        await until(lambda: task.log.filter(message="after").exists())
        await sync_to_async(lifecycle.cancel)(task, by="a test")
        task = await finished(task)
        await Task.objects.filter(pk=task.pk).aupdate(
            description="say: before\ncheckpoint\nsay: resumed\nfinish: made it"
        )
        await sync_to_async(lifecycle.resume)(await reread(task), by="a test")
        task = await finished(task)
    said = await messages(task)
    assert (said.count("before"), said.count("resumed")) == (1, 1)
    assert (task.result, task.resume_count) == ("made it", 1)


async def test_a_worker_whose_lease_was_taken_writes_nothing_more():
    async with working():
        task = await execute(
            "say: begun", "sleep: 0.5", "say: too late", "finish: too late"
        )
        await until(lambda: task.log.filter(message="begun").exists())
        await sync_to_async(lifecycle.record_status)(
            task, Task.Status.FAILED, by="a client"
        )
        await until(
            lambda: not Run.objects.filter(lease_expires_at__isnull=False).exists()
        )
    task = await reread(task)
    assert (task.status, task.result) == (Task.Status.FAILED, "")
    assert "too late" not in await messages(task)


async def test_a_deleted_task_stops_its_run_and_keeps_its_cost():
    async with working() as worker:
        task = await execute("use: input=1000 output=100", "say: begun", "sleep: 600")
        await until(lambda: task.log.filter(message="begun").exists())
        await sync_to_async(lifecycle.delete)(task)
        await waiting.until(lambda: not worker.executions)
    assert await LedgerEntry.objects.acount() == 1


def test_text_that_no_database_stores_is_made_storable():
    assert make_storable({"a\x00": ["\ud800", 1]}) == {"a\ufffd": ["\ufffd", 1]}


async def test_a_worker_that_cannot_renew_its_leases_stops_its_runs_and_takes_no_more(
    monkeypatch,
):
    async with working(lease=1) as worker:
        task = await execute("say: begun", "sleep: 600")
        await until(lambda: task.log.filter(message="begun").exists())

        async def fail(*arguments):
            raise OperationalError("the database is gone")

        monkeypatch.setattr(leases, "run_for_leases", fail)
        await waiting.until(lambda: not worker.executions)
        await worker._poll()
        assert not worker.executions
    runs = Run.objects.filter(task=task).order_by("attempt")
    statuses = [status async for status in runs.values_list("status", flat=True)]
    assert statuses == [Run.Status.HANDED_OVER, Run.Status.QUEUED]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "task.cancel"},
        {"type": "task.cancel", "run_id": "none"},
        {"type": "task.cancel", "run_id": 1},
    ],
)
async def test_a_malformed_ring_does_not_deafen_the_worker(message):
    layer = get_channel_layer()
    worker = Worker(channel_layer=layer)
    chores = Chores()
    chores.repeat("receive messages", worker._receive_messages, every_seconds=0.01)
    try:
        await layer.group_send(pubsub.WORKERS, message)

        async def is_woken():  # once it has joined again
            await layer.group_send(pubsub.WORKERS, {"type": "task.wake"})
            return worker._woken.is_set()

        await waiting.until(is_woken)
    finally:
        await chores.end()


async def test_a_chore_goes_on_after_anything_and_says_what_it_was(caplog):
    chores = Chores()
    done = asyncio.Event()

    async def chore():
        if not caplog.records:
            raise ZeroDivisionError("as asked")
        done.set()

    chores.repeat("count", chore, every_seconds=0.01)
    async with asyncio.timeout(60):
        await done.wait()
    await chores.end()
    first = caplog.records[0]
    assert "count" in first.getMessage()
    assert first.exc_info


async def test_a_worker_tells_that_it_is_there_and_that_it_is_gone():
    async with working() as worker:
        at_work = models.Worker.objects.at_work().filter(name=worker.name)
        await until(at_work.exists)
    assert not await sync_to_async(models.Worker.objects.exists)()
