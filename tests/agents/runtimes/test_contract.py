"""The contract that every runtime passes, each against a scripted server of its format."""

import asyncio
import os

import pytest

from agents.protocol import events
from agents.protocol.runtime import Checkpoint
from tests.agents.runtimes.direct.performing import Performance, Person, assignment
from tests.agents.runtimes.drivers.base import PASSING, PERMANENT, Tokens, Turn, Use
from tests.waiting import until

WRITE = Use("write", path="a.txt", content="hello")
LIST = Use("list")
NONSENSE = Use("nonsense", content="17")
# Of a length of its own, to be found among the processes of other tests.
SLEEP = f"sleep 600.{os.getpid()}"
SLOW = Use("run", command=f"echo >> started; {SLEEP}; echo >> ended")


def of(events_seen, kind):
    return [event for event in events_seen if isinstance(event, kind)]


async def cancelled(performance, given, *, once):
    """Perform until `once()` is true, cancel, and wait until nothing is left of it."""
    task = asyncio.create_task(performance.run(given))
    await until(lambda: once() or task.done())
    assert not task.done(), performance.failure
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# --- Text and tools ----------------------------------------------------------------------


async def test_what_the_agent_says_is_the_result(runtime, serving, tmp_path):
    async with serving(Turn("Hello.", thinking="A greeting.")):
        seen = await Performance(runtime).run(assignment(tmp_path, "Say hello."))
    assert of(seen, events.AssistantText) == [events.AssistantText("Hello.")]
    assert of(seen, events.Thinking) == [events.Thinking("A greeting.")]
    assert seen[-1] == events.Finished("Hello.")


async def test_line_ends_of_unicode_are_text_to_every_protocol(
    runtime, serving, tmp_path
):
    said = "one\x85two\u2028three\u2029four"
    async with serving(Turn(said)):
        performance = Performance(runtime)
        seen = await performance.run(assignment(tmp_path, said))
    assert seen[-1] == events.Finished(said), performance.failure


async def test_the_profile_and_the_task_reach_the_model(runtime, serving, tmp_path):
    async with serving(Turn("Hello.")) as server:
        await Performance(runtime).run(
            assignment(tmp_path, "Say hello.", instructions="Be terse.")
        )
    sent = str(server.requests[-1].body)
    assert "Say hello." in sent
    assert "Be terse." in sent


async def test_several_calls_of_one_turn_are_all_carried_out_and_answered(
    driver, runtime, serving, tmp_path
):
    uses = tuple(Use("write", path=f"{n}.txt", content=n) for n in "abc")
    async with serving(Turn(uses=uses), Turn("Done.")) as server:
        performance = Performance(runtime)
        seen = await performance.run(assignment(tmp_path))
    assert sorted(file.name for file in tmp_path.glob("*.txt")) == [
        "a.txt",
        "b.txt",
        "c.txt",
    ]
    asked = {call.action for call in performance.ask.asked}
    assert asked == {"write:/a.txt", "write:/b.txt", "write:/c.txt"}
    assert len({call.call_id for call in performance.ask.asked}) == 3
    assert len(of(seen, events.ToolUse)) == len(of(seen, events.ToolResult)) == 3
    assert len(driver.told(server)) == 3
    assert seen[-1] == events.Finished("Done.")


async def test_a_command_is_asked_about_as_the_line_that_runs(
    runtime, serving, tmp_path
):
    async with serving(
        Turn(uses=(Use("run", command="echo here > b.txt"),)), Turn("Done.")
    ):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert [call.action for call in performance.ask.asked] == ["run:echo here > b.txt"]
    assert (tmp_path / "b.txt").read_text() == "here\n"


# --- Permission --------------------------------------------------------------------------


async def test_a_denied_call_does_not_run_and_the_model_hears_why(
    runtime, serving, tmp_path
):
    async with serving(Turn(uses=(WRITE,)), Turn("All right.")) as server:
        performance = Performance(runtime, Person(denies="not in this folder"))
        seen = await performance.run(assignment(tmp_path))
    assert not (tmp_path / "a.txt").exists()
    assert "not in this folder" in str(server.requests[-1].body)
    assert of(seen, events.ToolUse) == []
    assert of(seen, events.ToolResult)[0].is_error
    assert seen[-1] == events.Finished("All right.")


@pytest.mark.parametrize(
    ("use", "input_said"),
    [(WRITE, "hello"), (Use("run", command="rm -rf important"), "rm -rf important")],
)
async def test_a_denied_call_tells_what_was_denied(
    runtime, serving, tmp_path, use, input_said
):
    async with serving(Turn(uses=(use,)), Turn("All right.")):
        performance = Performance(runtime, Person(denies="not here"))
        seen = await performance.run(assignment(tmp_path))
    [not_run], [result] = of(seen, events.ToolNotRun), of(seen, events.ToolResult)
    assert input_said in str(not_run.tool_input)
    assert (use.path or use.command) in not_run.message
    assert (not_run.call_id, not_run.tool_name) == (result.call_id, result.tool_name)
    assert "not here" in result.output


async def test_a_call_that_makes_no_sense_tells_what_it_was(runtime, serving, tmp_path):
    async with serving(Turn(uses=(NONSENSE,)), Turn("All right.")):
        performance = Performance(runtime)
        seen = await performance.run(assignment(tmp_path))
    [result] = of(seen, events.ToolResult)
    calls = of(seen, events.ToolNotRun) or of(seen, events.ToolUse)
    assert [call.call_id for call in calls] == [result.call_id]
    assert "17" in str(calls[0].tool_input)
    assert performance.ask.asked == []
    assert seen[-1] == events.Finished("All right.")


async def test_what_is_said_to_an_allowed_call_reaches_the_model(
    runtime, serving, tmp_path
):
    fails = Use("run", command="false")
    async with serving(
        Turn(uses=(WRITE,)), Turn(uses=(fails,)), Turn("Done.")
    ) as server:
        performance = Performance(runtime, Person(remarks="and then stop"))
        await performance.run(assignment(tmp_path))
    assert (tmp_path / "a.txt").exists()
    told = "The user allowed this: and then stop"
    assert [str(request.body).count(told) for request in server.requests] == [0, 1, 2]


async def test_what_a_person_made_of_a_call_is_what_runs(
    driver, runtime, serving, tmp_path
):
    if not driver.edits_input:
        pytest.skip(f"The protocol of {driver.name} has no edited input.")
    async with serving(Turn(uses=(WRITE,)), Turn("Done.")):
        performance = Performance(runtime, Person(edits={"content": "edited"}))
        await performance.run(assignment(tmp_path))
    assert (tmp_path / "a.txt").read_text() == "edited"


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


# --- Stopping and going on ---------------------------------------------------------------


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
    assert "starting afresh" in of(seen, events.Notice)[0].text
    assert seen[-1] == events.Finished("Done.")


# --- Limits ------------------------------------------------------------------------------


async def test_the_turn_limit_ends_a_run(runtime, serving, tmp_path):
    async with serving(Turn(uses=(WRITE,))) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path, max_turns=2))
    assert performance.failure == (
        "The turn limit of 2 is reached. Resume for as many more."
    )
    assert len(server.requests) == 2


async def test_who_counts_the_cost_can_stop_before_any_tool(runtime, serving, tmp_path):
    async with serving(Turn(uses=(WRITE,)), Turn("Done.")) as server:
        performance = Performance(runtime)
        seen = await performance.run(assignment(tmp_path), until_budget=True)
    assert of(seen, events.UsageReported)
    assert seen[-1].will_continue
    assert not (tmp_path / "a.txt").exists()
    assert len(server.requests) == 1


# --- What a run costs --------------------------------------------------------------------


async def test_usage_is_told_once_a_request_in_disjoint_counts(
    driver, runtime, serving, tmp_path
):
    tokens = Tokens(
        fresh=7_000, cache_read=400, cache_write=50, output=33, reasoning=20
    )
    async with serving(
        Turn(uses=(WRITE,), tokens=tokens), Turn("Done.", tokens=tokens)
    ):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    reported = performance.of(events.UsageReported)
    assert len(reported) == len({event.key for event in reported}) == 2
    for event in reported:
        usage = event.usage
        assert (usage.input_tokens, usage.output_tokens) == (7_000, 33)
        if driver.caches:
            assert (usage.cache_read_tokens, usage.cache_write_tokens) == (400, 50)


@pytest.mark.parametrize("fault", ["overload", "cut"])
async def test_each_request_is_written_down_before_it_is_sent_and_ends_once(
    runtime, serving, tmp_path, fault
):
    """As booked, or as crossed out where the provider did not take it."""
    fails = Turn("Revenue grew in three of four quarters.", fault=fault)
    async with serving(fails, Turn(uses=(WRITE,)), Turn("Done.")):
        performance = Performance(runtime)
        seen = await performance.run(assignment(tmp_path))
    opened = {event.key for event in of(seen, events.UsageSoFar)}
    reported = of(seen, events.UsageReported)
    ended = [event.open_key for event in reported]
    ended += [event.key for event in of(seen, events.NothingUsed)]
    assert sorted(ended) == sorted(opened)
    assert len(opened) == 3
    assert len(reported) == (3 if fault == "cut" else 2)


# --- Answers that are none ---------------------------------------------------------------

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


# --- Failures ----------------------------------------------------------------------------

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
    assert len(of(seen, events.Retrying)) == 1
    assert of(seen, events.AssistantText) == [events.AssistantText("Whole.")]


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


URLS = ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "OLLAMA_HOST")


def with_login(monkeypatch):
    for name in URLS:
        if url := os.environ.get(name, "").replace("://", "://me:p%40ss@"):
            monkeypatch.setenv(name, url)


async def test_the_login_in_a_base_url_reaches_the_provider(
    serving, runtime, tmp_path, monkeypatch
):
    async with serving(Turn("Done.")) as server:
        with_login(monkeypatch)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert performance.failure == ""
    # "me:p@ss"
    assert {r.headers["authorization"] for r in server.requests} == {
        "Basic bWU6cEBzcw=="
    }


async def test_a_login_that_the_key_leaves_no_header_for_is_refused(
    driver, serving, runtime, tmp_path, monkeypatch
):
    if driver.name == "ollama":
        pytest.skip("It has no key.")
    async with serving(Turn("Done.")) as server:
        with_login(monkeypatch)
        monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
        monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token")
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert "holds a user and password, which cannot be sent together" in str(
        performance.failure
    )
    assert server.requests == []
