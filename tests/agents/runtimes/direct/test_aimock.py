"""The direct runtimes against a mock of all three formats that nobody here wrote."""

import subprocess
from pathlib import Path

import pytest

from agents.protocol.events import AssistantText, Finished, ToolUse
from tests import live, npm
from tests.agents.runtimes.direct.performing import Performance, Person, assignment
from tests.agents.runtimes.drivers.direct import ANTHROPIC, OLLAMA, OPENAI

FIXTURES = Path(__file__).with_name("aimock.json")


@pytest.fixture(scope="module")
def aimock(packages):
    port = live.free_port()
    process = subprocess.Popen(
        [
            *("node", npm.PACKAGES / ".bin" / "llmock", "-p", str(port)),
            *("-f", FIXTURES, "--strict", "--log-level", "silent"),
        ],
    )
    try:
        live.wait_for(lambda: live.listens(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(params=[ANTHROPIC, OPENAI, OLLAMA], ids=lambda driver: driver.name)
def driver(request, aimock, monkeypatch):
    for name, value in request.param.environment(aimock).items():
        monkeypatch.setenv(name, value)
    return request.param


@pytest.fixture
async def runtime(driver):
    async with driver.runtime(tries=2) as runtime:
        yield runtime


async def test_text(runtime, tmp_path):
    performance = Performance(runtime)
    await performance.run(assignment(tmp_path, "Say hello."))
    said = "Hello from a mock that nobody here wrote."
    assert performance.of(AssistantText) == [AssistantText(said)]
    assert performance.events[-1] == Finished(said)


async def test_a_tool_call_with_permission(runtime, tmp_path):
    performance = Performance(runtime)
    await performance.run(assignment(tmp_path, "Please write."))
    assert performance.ask.asked[0].action == "write:/a.txt"
    assert (tmp_path / "a.txt").read_text() == "hello"
    assert performance.events[-1] == Finished("Written.")


async def test_a_run_stopped_at_a_question_goes_on_in_another_instance(
    driver, runtime, tmp_path
):
    performance = Performance(runtime)
    given = assignment(tmp_path, "Please write.")
    await performance.run(given, until_budget=True)
    async with driver.runtime() as another:
        performance.runtime, performance.ask = another, Person()
        resumed = assignment(tmp_path, given.prompt, checkpoint=performance.checkpoint)
        await performance.run(resumed)
    assert len(performance.of(ToolUse)) == 1
    assert performance.events[-1] == Finished("Written.")


async def test_a_rate_limit_parks_the_run(runtime, tmp_path):
    performance = Performance(runtime)
    await performance.run(assignment(tmp_path, "slow down"))
    assert performance.parked.seconds == 600


async def test_an_answer_that_is_cut_is_none(runtime, tmp_path):
    performance = Performance(runtime)
    await performance.run(assignment(tmp_path, "cut"))
    assert "2 times in a row" in performance.failure
    assert performance.of(AssistantText) == []
