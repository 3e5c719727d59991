"""Codex with a database: its requests, its costs, and what a restart makes of them."""

import pytest
from asgiref.sync import sync_to_async

from ledger.models import LedgerEntry
from tasks import lifecycle
from tasks.models import PermissionRequest, Run, Task
from tasks.models.permission import Decision
from tests.agents.runtimes.codex.script import DONE, run
from tests.agents.worker.test_loop import finished, reread, until, working
from tests.factories import PermissionRequestFactory, RunFactory, TaskFactory
from tests.servers.openai import ResponsesServer

pytestmark = pytest.mark.django_db(transaction=True)
CODEX = "openai-codex-app-server"
PENDING = PermissionRequest.Status.PENDING


@pytest.fixture
async def serving(monkeypatch):
    async def serve(*replies):
        server = await ResponsesServer(list(replies)).__aenter__()
        servers.append(server)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        return server

    servers = []
    yield serve
    for server in servers:
        await server.__aexit__()


@sync_to_async
def execute(**fields):
    task = TaskFactory(status=Task.Status.QUEUED, assigned_agent=CODEX, **fields)
    lifecycle.start_run(task, by="a test")
    return task


def pending(task):
    return PermissionRequest.objects.filter(task=task, status=PENDING).first()


async def test_a_person_allows_and_the_cost_is_booked_by_the_price_list(serving):
    await serving(run("echo hello"), DONE)
    async with working():
        task = await execute()
        asked = await until(lambda: pending(task))
        assert asked.action == "run:echo hello"
        await sync_to_async(asked.decide)(Decision(is_allowed=True, by="Ada"))
        done = await finished(task)
    assert (done.status, done.result) == (Task.Status.COMPLETED, "Done.")
    entries = [entry async for entry in LedgerEntry.objects.filter(task_id=task.pk)]
    assert {entry.model for entry in entries} == {"gpt-5.5"}
    assert len(entries) == 2
    assert all(entry.cost_microdollars for entry in entries)


async def test_a_used_up_budget_ends_the_run_before_the_command(serving):
    server = await serving(run("touch made"), DONE)
    async with working():
        task = await execute(max_budget_microdollars=1)
        done = await finished(task)
    assert done.status == Task.Status.FAILED
    assert len(server.requests) == 1
    assert not await PermissionRequest.objects.aexists()


async def test_what_is_asked_again_after_a_restart_is_the_same_question(serving):
    await serving(run("echo hello"), run("echo hello"), DONE)
    async with working():
        task = await execute()
        first = await until(lambda: pending(task))
    await sync_to_async(first.decide)(Decision(is_allowed=True, by="Ada"))
    async with working():
        done = await finished(task)
    assert done.status == Task.Status.COMPLETED
    assert (await reread(task)).result == "Done."
    answered = await PermissionRequest.objects.aget()
    assert answered.call_id != first.call_id
    assert answered.delivered_at is not None


async def test_a_request_that_is_not_asked_again_is_withdrawn(serving):
    await serving(run("echo hello"), DONE)

    @sync_to_async
    def left_behind():
        asked = PermissionRequestFactory(
            run__session__runtime=CODEX, run__task__assigned_agent=CODEX
        )
        asked.run.close(Run.Status.LOST)
        RunFactory(task=asked.task, session=asked.session)
        return asked

    request = await left_behind()
    async with working():
        await until(lambda: pending(request.task) not in (None, request))
    assert (await PermissionRequest.objects.aget(pk=request.pk)).status == "withdrawn"


def test_an_edited_input_is_a_400_that_says_what_to_do(api):
    request = PermissionRequestFactory(run__session__runtime=CODEX)
    body = {
        "notificationId": request.pk,
        "behavior": "allow",
        "updatedInput": {"content": "edited"},
    }
    answer = api.post(f"/api/tasks/{request.task.pk}/respond", body)
    assert answer.status_code == 400
    assert "OpenAI Codex takes no edited input" in str(answer.json())
    request.refresh_from_db()
    assert request.status == PENDING
