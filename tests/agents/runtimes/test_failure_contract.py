"""How every runtime fails, and when it tries again."""

import asyncio

import pytest

from agents.protocol import events
from tests.agents.runtimes.contract_calls import select
from tests.agents.runtimes.direct.performing import Performance, assignment
from tests.agents.runtimes.drivers.base import PASSING, PERMANENT, Turn, Use

LIST = Use("list")


ENDINGS = {
    "empty": (Turn(), "The model's answer is empty."),
    "white space": (Turn(" \n\t\u2003"), "The model's answer is empty."),
    "only thought": (Turn(thinking="Hm."), "The model thought, and then said nothing."),
    "cut": (
        Turn("Half an ans", end="cut"),
        "The model's answer was cut at its output limit. Ask for less at once, then resume.",
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("before", [(), (Turn("I look.", uses=(LIST,)),)], ids=len)
async def test_an_answer_that_is_none_fails_the_run_which_can_be_resumed(
    runtime, serving, tmp_path, ending, before
):
    turn, reason = ENDINGS[ending]
    performance = Performance(runtime)
    async with serving(*before, turn):
        await performance.run(assignment(tmp_path))
    assert performance.failure.startswith(reason)
    assert performance.of(events.Finished) == []
    resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
    async with serving(Turn("Whole.")):
        seen = await performance.run(resumed)
    assert seen[-1] == events.Finished("Whole.")


async def test_a_refusal_fails_the_run_and_says_so(driver, runtime, serving, tmp_path):
    if not driver.refuses:
        pytest.skip(f"The protocol of {driver.name} has no refusal.")
    async with serving(Turn("I will not.", end="refusal")):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert "refus" in performance.failure
    assert "resume" in performance.failure.lower()
    assert performance.of(events.Finished) == []


BROKEN = Use("run", command="echo 'bwrap: execvp /x: No such file'; exit 1")


async def test_a_run_without_a_command_that_could_run_is_not_completed(
    runtime, serving, tmp_path
):
    performance = Performance(runtime)
    async with serving(Turn(uses=(BROKEN,)), Turn(uses=(BROKEN,)), Turn("All done.")):
        await performance.run(assignment(tmp_path))
    assert performance.failure == (
        "No command could be run: the sandbox of this machine is broken. `manage.py check`"
        " tells what it lacks; mend it, then resume. (bwrap: execvp /x: No such file)"
    )
    assert performance.of(events.Finished) == []
    works = Use("run", command="echo works > it")
    resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
    async with serving(Turn(uses=(works,)), Turn("Really done.")):
        seen = await performance.run(resumed)
    assert seen[-1] == events.Finished("Really done."), performance.failure
    assert (tmp_path / "it").read_text() == "works\n"


async def test_one_command_that_ran_is_enough(runtime, serving, tmp_path):
    works = Use("run", command="true")
    async with serving(Turn(uses=(BROKEN,)), Turn(uses=(works,)), Turn("Done.")):
        performance = Performance(runtime)
        seen = await performance.run(assignment(tmp_path))
    assert seen[-1] == events.Finished("Done."), performance.failure


MEND = {
    "bad key": "was refused",
    "no money": "Top it up",
    "unknown model": "model",
    "too long": "OLLAMA_CONTEXT_LENGTH|is too long",
}


@pytest.mark.parametrize("fault", PERMANENT)
async def test_a_failure_that_no_try_mends_ends_the_run_and_says_what_does(
    runtime, serving, tmp_path, fault
):
    async with serving(Turn(fault=fault)) as server:
        performance = Performance(runtime)
        await asyncio.wait_for(performance.run(assignment(tmp_path)), 100)
    assert any(words in performance.failure for words in MEND[fault].split("|")), (
        performance.failure
    )
    assert performance.of(events.Finished) == []
    assert len(server.requests) <= 3


@pytest.mark.parametrize("fault", PASSING)
async def test_a_passing_failure_is_tried_again_and_said(
    runtime, serving, tmp_path, fault
):
    async with serving(Turn("Half of it and more", fault=fault), Turn("Whole.")):
        performance = Performance(runtime)
        seen = await performance.run(assignment(tmp_path))
    assert seen[-1] == events.Finished("Whole."), performance.failure
    assert len(select(seen, events.Retrying)) == 1
    assert select(seen, events.AssistantText) == [events.AssistantText("Whole.")]


@pytest.mark.parametrize("fault", ["overload", "cut"])
async def test_a_failure_that_does_not_pass_ends_the_run(
    driver, serving, tmp_path, fault
):
    async with serving(Turn("Half", fault=fault)), driver.runtime(tries=2) as runtime:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert "Resume later" in performance.failure


async def test_a_limit_of_untold_length_rests_the_run_for_a_minute(
    driver, serving, tmp_path
):
    async with serving(Turn(fault="untold limit")), driver.runtime(tries=2) as runtime:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert performance.parked is not None, performance.failure
    assert performance.parked.reason.startswith("The provider's rate limit is used up")
    assert performance.parked.seconds == 60


async def test_a_rate_limit_that_opens_later_parks_the_run(runtime, serving, tmp_path):
    async with serving(Turn(fault="rate limit")) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert performance.parked is not None, performance.failure
    # Claude Code adds up to a quarter, so that agents do not return together.
    assert 595 <= performance.parked.seconds <= 755
    assert len(server.requests) == 1
