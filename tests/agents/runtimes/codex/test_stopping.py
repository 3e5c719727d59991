"""Nothing that Codex started outlives its run."""

import asyncio
import os
import time

import psutil
import pytest

from agents.protocol.runtime import Decision
from tests.agents.runtimes.codex.script import DONE, run
from tests.agents.runtimes.direct.performing import Person
from tests.waiting import until


def codex_processes():
    ours = psutil.Process().children(recursive=True)
    return [process for process in ours if process.name() == "codex"]


def named(mark):
    return [
        p for p in psutil.process_iter(["cmdline"]) if mark in str(p.info["cmdline"])
    ]


async def cancelled(playing, *, once):
    """Cancel as soon as `once()`, and return how many seconds the end took."""
    task = asyncio.create_task(playing)
    await until(lambda: once() or task.done())
    assert not task.done()
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - began


async def test_a_cancel_ends_children_that_left_their_session(
    play, workspace, tmp_path
):
    mark = f"61.{os.getpid()}"
    line = f"setsid sleep {mark} & sleep {mark} & touch {workspace}/begun; sleep {mark}"
    took = await cancelled(
        play(run(line, yield_time_ms=30_000), DONE), once=(workspace / "begun").exists
    )
    assert took < 5
    assert named(f"sleep', '{mark}") == []
    assert codex_processes() == []
    assert [file.name for file in workspace.iterdir()] == ["begun"]
    assert list((tmp_path / "agents").iterdir()) == []


async def test_a_cancel_while_a_person_is_asked_ends_at_once(play, tmp_path):
    asked = asyncio.Event()

    async def nobody(call):
        asked.set()
        await asyncio.Event().wait()

    took = await cancelled(play(run("true"), DONE, ask=nobody), once=asked.is_set)
    assert took < 5
    assert codex_processes() == []
    assert list((tmp_path / "agents").iterdir()) == []


async def test_a_codex_that_hangs_is_gone_within_five_seconds(play, tmp_path):
    hangs = asyncio.Event()

    async def hang(call):
        codex_processes()[0].suspend()
        hangs.set()
        await asyncio.Event().wait()

    took = await cancelled(play(run("true"), DONE, ask=hang), once=hangs.is_set)
    assert took < 5
    assert codex_processes() == []
    assert list((tmp_path / "agents").iterdir()) == []


async def test_a_cancel_while_it_starts_leaves_no_process(play, tmp_path):
    begun = (tmp_path / "agents").exists
    await cancelled(play(DONE), once=begun)
    assert codex_processes() == []
    assert list((tmp_path / "agents").iterdir()) == []


async def test_a_codex_that_somebody_kills_is_told_from_one_that_fails(play):
    class Killing(Person):
        async def __call__(self, call):
            codex_processes()[0].kill()
            return Decision(True, call.tool_input)

    performance = await play(run("true"), DONE, ask=Killing())
    assert "Codex stopped unexpectedly" in performance.failure
    assert performance.was_killed  # so that the run is taken up again


async def test_an_asker_that_fails_fails_the_run(play):
    async def broken(call):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await play(run("true"), DONE, ask=broken)
    assert codex_processes() == []
