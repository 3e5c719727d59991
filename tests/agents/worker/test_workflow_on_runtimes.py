"""A workflow whose steps run on the real Claude Code and the real Codex, against scripted providers."""

import pytest
from asgiref.sync import sync_to_async

from tasks.models import PermissionRequest, StepRun
from tasks.models.permission import Decision
from tasks.workflows.start import start
from tests.agents.runtimes.drivers import CLAUDE_CODE, CODEX, parametrize
from tests.agents.runtimes.drivers.base import Turn, Use
from tests.agents.worker.test_loop import until, working
from tests.factories import WorkflowFactory

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def begin(runtime):
    given = {"assignedAgent": runtime}
    steps = [
        {"id": "draft", "name": "Draft", "prompt": "Draft it.", **given},
        {"id": "keep", "name": "Keep", "prompt": "Keep it in a file.", **given},
    ]
    return start(WorkflowFactory(steps=steps), by="a test")


def pending():
    return PermissionRequest.objects.pending().first()


def ended(run):
    run.refresh_from_db()
    return not run.is_live


@pytest.mark.parametrize("driver", parametrize([CLAUDE_CODE, CODEX]))
async def test_a_step_is_given_what_the_one_before_it_said_and_asks_a_person(
    driver, monkeypatch
):
    write = Use("write", path="draft.md", content="Dear all")
    async with driver.server(
        Turn("Dear all,"), Turn(uses=(write,)), Turn("Kept.")
    ) as server:
        for name, value in driver.environment(server.url).items():
            monkeypatch.setenv(name, value)
        async with working():
            run = await begin(driver.name)
            asked = await until(pending)
            assert asked.action == "write:/draft.md"
            await sync_to_async(asked.decide)(Decision(is_allowed=True, by="Ada"))
            await until(lambda: ended(run))
    assert run.status == "completed", run.reason
    results = StepRun.objects.filter(run=run).values_list("step_id", "task__result")
    assert [one async for one in results] == [("draft", "Dear all,"), ("keep", "Kept.")]
    second = str(server.requests[1].body)
    assert "Result of Draft" in second
    assert "Dear all," in second
