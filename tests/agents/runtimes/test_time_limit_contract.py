"""The time limit of a run, on every runtime, each against a scripted server of its format."""

import asyncio
import os
import re

import psutil
import pytest

from agents.protocol import events
from agents.protocol.runtime import Decision
from tests.agents.runtimes.direct.performing import Performance, Person, assignment
from tests.agents.runtimes.drivers import CLAUDE_CODE, CODEX
from tests.agents.runtimes.drivers.base import Turn, Use

pytestmark = pytest.mark.slow

SLEEP = f"sleep 700.{os.getpid()}"
SLOW = Use("run", command=f"echo >> started; {SLEEP} && echo >> ended")
WRITE = Use("write", path="a.txt", content="hello")
REACHED = re.compile(
    r"The time limit of [\d.]+ minutes is reached.* Resume for as long"
)


def limit(driver):
    """Return minutes in which an agent has surely started its first tool."""
    return 0.3 if driver in (CLAUDE_CODE, CODEX) else 0.1


def is_running():
    return any(
        SLEEP in " ".join(one.info["cmdline"] or [])
        for one in psutil.process_iter(["cmdline"])
    )


async def test_it_ends_the_tool_in_hand_and_a_resume_goes_on(
    driver, runtime, serving, tmp_path
):
    async with serving(Turn(uses=(SLOW,)), Turn("It went on.")):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path, timeout_minutes=limit(driver)))
        assert REACHED.match(performance.failure)
        assert (tmp_path / "started").exists(), performance.events
        assert not (tmp_path / "ended").exists()
        assert not is_running()
        resumed = Performance(runtime)
        seen = await resumed.run(
            assignment(tmp_path, checkpoint=performance.checkpoint)
        )
    assert seen[-1] == events.Finished("It went on."), resumed.failure


async def test_it_ends_an_answer_that_does_not_come(driver, runtime, serving, tmp_path):
    async with serving(Turn("Half of it and more", fault="stall")) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path, timeout_minutes=limit(driver)))
        async with asyncio.timeout(30):
            await server.hung_up.wait()
    assert REACHED.match(performance.failure)
    assert performance.checkpoint is not None


async def test_waiting_for_a_person_does_not_count(driver, runtime, serving, tmp_path):
    minutes = limit(driver)

    class SlowPerson(Person):
        async def __call__(self, call) -> Decision:
            await asyncio.sleep(minutes * 60 + 1)
            return await super().__call__(call)

    async with serving(Turn(uses=(WRITE,)), Turn("Done.")):
        performance = Performance(runtime, SlowPerson())
        seen = await performance.run(assignment(tmp_path, timeout_minutes=minutes))
    assert seen[-1] == events.Finished("Done."), performance.failure
