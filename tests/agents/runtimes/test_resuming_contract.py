"""How every runtime is cancelled, and goes on from its checkpoint."""

import asyncio
import os

import pytest

from agents.protocol import events
from agents.protocol.runtime import Checkpoint
from tests.agents.runtimes.contract_calls import WRITE, select
from tests.agents.runtimes.direct.performing import Performance, Person, assignment
from tests.agents.runtimes.drivers.base import Turn, Use
from tests.waiting import until

# Of a length of its own, to be found among the processes of other tests.
SLEEP = f"sleep 600.{os.getpid()}"


SLOW = Use("run", command=f"echo >> started; {SLEEP}; echo >> ended")


async def cancelled(performance, given, *, once):
    """Perform until `once()` is true, cancel, and wait until nothing is left of it."""
    task = asyncio.create_task(performance.run(given))
    await until(lambda: once() or task.done())
    assert not task.done(), performance.failure
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_answer_after_a_restart_lets_the_run_go_on(runtime, serving, tmp_path):
    async def nobody(call):
        waits.set()
        await asyncio.Event().wait()

    waits = asyncio.Event()
    async with serving(Turn(uses=(WRITE,)), Turn("Done."), by_turn=True):
        performance = Performance(runtime, nobody)
        await cancelled(performance, assignment(tmp_path), once=waits.is_set)
        performance.ask = Person()
        resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
        seen = await performance.run(resumed)
    assert isinstance(seen[-1], events.Finished), performance.failure


async def test_a_cancel_in_the_middle_of_an_answer_hangs_up(runtime, serving, tmp_path):
    async with serving(Turn("Half of it and more", fault="stall")) as server:
        performance = Performance(runtime)
        await cancelled(
            performance, assignment(tmp_path), once=lambda: bool(server.requests)
        )
        async with asyncio.timeout(60):
            await server.hung_up.wait()


async def test_a_cancel_in_the_middle_of_a_tool_ends_it(runtime, serving, tmp_path):
    async with serving(Turn(uses=(SLOW,)), Turn("Done.")):
        performance = Performance(runtime)
        await cancelled(
            performance,
            assignment(tmp_path),
            once=(tmp_path / "started").exists,
        )
    assert not await _is_running(SLEEP, tmp_path)


async def _is_running(command, folder):
    """Look in the processes' own words, without a tool that would find itself."""
    process = await asyncio.create_subprocess_exec(
        *("ps", "-eo", "args"), stdout=asyncio.subprocess.PIPE
    )
    listed, _ = await process.communicate()
    lines = listed.decode().splitlines()
    return any(line == command or str(folder) in line for line in lines)


async def test_a_cancelled_run_goes_on_where_it_was(runtime, serving, tmp_path):
    script = Turn("First.", uses=(WRITE,)), Turn(uses=(SLOW,)), Turn("The end.")
    async with serving(*script, by_turn=True) as server:
        performance = Performance(runtime)
        await cancelled(
            performance,
            assignment(tmp_path),
            once=(tmp_path / "started").exists,
        )
        resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
        seen = await performance.run(resumed)
    assert seen[-1] == events.Finished("The end."), performance.failure
    assert "First." in str(server.requests[-1].body)
    assert (tmp_path / "started").read_text() == "\n"  # the tool was not repeated


async def test_a_finished_run_can_be_resumed(runtime, serving, tmp_path):
    async with serving(Turn("Done.")):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
        resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
        seen = await performance.run(resumed)
    assert seen[-1] == events.Finished("Done.")


async def test_a_checkpoint_goes_on_in_another_instance_of_the_runtime(
    driver, runtime, serving, tmp_path
):
    script = Turn("First.", uses=(WRITE,)), Turn(fault="bad key"), Turn("The end.")
    async with serving(*script) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
        assert performance.failure
        async with driver.runtime() as another:
            performance.runtime = another
            resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
            seen = await performance.run(resumed)
    assert seen[-1] == events.Finished("The end.")
    assert "First." in str(server.requests[-1].body)
    assert len(performance.of(events.ToolUse)) == 1


async def test_a_checkpoint_that_cannot_be_read_starts_afresh_and_says_so(
    runtime, serving, tmp_path
):
    async with serving(Turn("Done.")):
        spoilt = Checkpoint({"what": "is this"}, [{"no": "item"}])
        seen = await Performance(runtime).run(assignment(tmp_path, checkpoint=spoilt))
    assert "starting afresh" in select(seen, events.Notice)[0].text
    assert seen[-1] == events.Finished("Done.")
