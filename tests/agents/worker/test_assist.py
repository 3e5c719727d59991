"""Assist on every runtime, through the worker: asked once, booked, answered."""

import json

import pytest
from asgiref.sync import sync_to_async

from ledger.models import LedgerEntry
from tasks import assist
from tasks.assist.answer import NotAnswered, read_answer
from tasks.models import PermissionRequest, Task
from tests.agents.runtimes.drivers import CODEX, parametrize
from tests.agents.runtimes.drivers.base import Turn, Use
from tests.agents.runtimes.drivers.direct import OLLAMA
from tests.agents.worker.test_loop import execute, finished, working
from tests.tasks.assist.answers import ANSWER

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def ask(runtime):
    return assist.ask(
        title="Report", description="Write it.", runtime=runtime, by="ada"
    )


answered = sync_to_async(read_answer)


@pytest.fixture
def serving(monkeypatch):
    def serve(driver, *turns):
        server = driver.server(*turns)

        async def enter():
            await server.__aenter__()
            for name, value in driver.environment(server.url).items():
                monkeypatch.setenv(name, value)
            return server

        return server, enter

    return serve


@pytest.fixture(params=parametrize())
def driver(request):
    return request.param


async def test_every_runtime_answers_one_question_with_its_schema(driver, serving):
    server, enter = serving(driver, Turn(result=ANSWER))
    await enter()
    async with working():
        done = await finished(await ask(driver.name))
    found = await answered(done)
    await server.__aexit__()

    assert found["improvedDescription"] == ANSWER["improvedDescription"]
    assert found["runtime"] == driver.name
    assert "suggestedLoopConfig" not in found
    assert found["definition"]["pattern"] == "parallel"
    assert (found["costMicros"] is None) == (driver is OLLAMA)  # whose price is unknown
    assert await LedgerEntry.objects.filter(task_id=done.pk).acount() == 1
    assert len(server.requests) == 1
    assert "Write it." in str(server.requests[0].body)


async def test_a_tool_that_the_model_calls_all_the_same_is_denied_and_nobody_asked(
    serving,
):
    call = Turn(uses=(Use("run", command="touch made"),))
    server, enter = serving(CODEX, call, Turn(result=ANSWER))
    await enter()
    async with working():
        done = await finished(await ask(CODEX.name))
    await server.__aexit__()
    assert (await answered(done))["reasoning"] == ANSWER["reasoning"]
    assert not await PermissionRequest.objects.aexists()


async def test_an_answer_that_stays_garbage_is_told_with_its_places(serving, driver):
    bad = {**ANSWER, "complexity": "awful"}
    server, enter = serving(driver, Turn(result=bad))
    await enter()
    async with working():
        done = await finished(await ask(driver.name))
    await server.__aexit__()
    assert done.status == Task.Status.FAILED
    assert len(server.requests) <= 3
    with pytest.raises(NotAnswered):
        await answered(done)


# --- What tasks with a schema come to --------------------------------------------------------

SCHEMA = json.dumps(
    {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
)


async def test_a_result_that_satisfies_the_schema_is_kept_as_json():
    async with working():
        task = await execute('finish: {"n":  1.0}', output_schema=SCHEMA)
        done = await finished(task)
    assert (done.status, json.loads(done.result)) == (Task.Status.COMPLETED, {"n": 1})


async def test_one_that_does_not_fails_with_the_place_and_its_text_is_kept():
    async with working():
        task = await execute('finish: {"n": "one"}', output_schema=SCHEMA)
        done = await finished(task)
    assert (done.status, done.result) == (Task.Status.FAILED, '{"n": "one"}')
    run = await done.runs.afirst()
    assert '$.n: "one" is not of type "integer"' in run.error
