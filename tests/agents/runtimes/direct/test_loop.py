"""The agent loop: tools and permissions, how turns end, limits."""

import pytest

from agents.protocol.events import (
    AssistantText,
    Finished,
    Notice,
    ToolResult,
    ToolUse,
    UsageReported,
)
from agents.runtimes.direct.conversation import NOT_RUN
from tests.agents.runtimes.direct.performing import (
    Performance,
    Person,
    anthropic_runtime,
    assignment,
    kinds,
    serving,
)
from tests.servers.anthropic import Call, Reply


@pytest.fixture
async def runtime():
    async with anthropic_runtime() as runtime:
        yield runtime


def results(history):
    """What the model was told in the last message."""
    return [block["content"] for block in history[-1]["content"]]


# --- Tools and permissions ---------------------------------------------------------------


async def test_a_tool_is_allowed_run_and_its_answer_goes_to_the_model(
    runtime, tmp_path
):
    call = Call("write", {"path": "a.txt", "content": "hello"})
    async with serving(Reply("I write.", calls=[call]), Reply("Written.")) as server:
        performance = Performance(runtime)
        events = await performance.run(assignment(tmp_path))
    assert kinds(events) == [
        *("UsageSoFar", "UsageSoFar", "PartialText", "UsageReported", "AssistantText"),
        "CheckpointReached",
        *("CheckpointReached", "ToolUse", "ToolResult", "CheckpointReached"),
        *(
            "UsageSoFar",
            "UsageSoFar",
            "PartialText",
            "UsageReported",
            "AssistantText",
            "CheckpointReached",
            "Finished",
        ),
    ]
    assert (tmp_path / "a.txt").read_text() == "hello"
    assert events[-1] == Finished("Written.")
    assert performance.ask.asked[0].action == "write:/a.txt"
    assert server.history[-1]["content"][0]["is_error"] is False


async def test_the_calls_of_a_turn_run_in_their_order(runtime, tmp_path):
    calls = [Call("run", {"command": f"echo {n} >> ran"}) for n in "123"]
    async with serving(Reply(calls=calls), Reply("Done.")) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert (tmp_path / "ran").read_text().split() == ["1", "2", "3"]
    assert len(results(server.history)) == 3


async def test_a_denied_call_does_not_run_and_the_model_hears_why(runtime, tmp_path):
    call = Call("write", {"path": "a.txt", "content": "hello"})
    async with serving(Reply(calls=[call]), Reply("All right.")) as server:
        performance = Performance(runtime, Person(denies="not there"))
        await performance.run(assignment(tmp_path))
    assert not (tmp_path / "a.txt").exists()
    assert results(server.history) == ["The user denied this: not there"]
    assert performance.of(ToolUse) == []
    assert performance.of(ToolResult)[0].is_error


async def test_what_a_person_made_of_a_call_is_what_runs(runtime, tmp_path):
    call = Call("write", {"path": "a.txt", "content": "hello"})
    edited = {"path": "b.txt", "content": "edited"}
    async with serving(Reply(calls=[call]), Reply("Done.")) as server:
        performance = Performance(runtime, Person(edits=edited))
        await performance.run(assignment(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["b.txt"]
    assert performance.of(ToolUse)[0].tool_input == edited
    assert results(server.history)[0].startswith(
        "The user changed the input to {'path': 'b.txt'"
    )


async def test_an_edit_that_is_not_valid_does_not_run(runtime, tmp_path):
    call = Call("write", {"path": "a.txt", "content": "hello"})
    async with serving(Reply(calls=[call]), Reply("Done.")) as server:
        performance = Performance(runtime, Person(edits={"path": "../../etc/passwd"}))
        await performance.run(assignment(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert server.history[-1]["content"][0]["is_error"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (Call("read", {"path": "missing"}), "No such file"),
        (Call("read", {}), "read needs path"),
        (Call("launch", {}), "There is no tool 'launch'"),
        (Call("read", '{"path": "cut o'), "must be a JSON object"),
        (Call("read", "[1]"), "must be a JSON object"),
        (Call("read", '{"path": "\\ud800"}'), "must be a JSON object"),
        (Call("read", '{"offset": NaN}'), "must be a JSON object"),
        (Call("read", "[" * 100_000), "must be a JSON object"),
    ],
)
async def test_a_call_that_cannot_be_carried_out_is_an_error_for_the_model(
    runtime, tmp_path, call, message
):
    async with serving(Reply(calls=[call]), Reply("I see.")) as server:
        performance = Performance(runtime)
        events = await performance.run(assignment(tmp_path))
    assert message in results(server.history)[0]
    assert events[-1] == Finished("I see.")


async def test_a_big_output_reaches_the_model_bounded(runtime, tmp_path):
    (tmp_path / "big.txt").write_text("line\n" * 50_000)
    async with serving(
        Reply(calls=[Call("read", {"path": "big.txt"})]), Reply("Big.")
    ) as server:
        await Performance(runtime).run(assignment(tmp_path))
    assert 10_000 < len(results(server.history)[0]) <= 30_000


async def test_calls_of_the_same_id_in_two_turns_are_two_calls(runtime, tmp_path):
    again = Reply(calls=[Call("list", id="call_0")])
    async with serving(again, again, Reply("Done.")):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    first, second = performance.ask.asked
    assert first.call_id != second.call_id


async def test_only_the_tools_of_the_assignment_are_offered(runtime, tmp_path):
    async with serving(Reply("Hello.")) as server:
        await Performance(runtime).run(assignment(tmp_path, tools=("read", "list")))
        await Performance(runtime).run(assignment(tmp_path, tools=()))
    assert [tool["name"] for tool in server.requests[0].body["tools"]] == [
        "list",
        "read",
    ]
    assert "tools" not in server.requests[1].body


# --- How a turn ends ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "stop", ["max_tokens", "model_context_window_exceeded", "end_turn", "new"]
)
async def test_calls_of_a_turn_that_did_not_wait_for_them_are_not_run(
    runtime, tmp_path, stop
):
    cut = Reply("Now", calls=[Call("run", {"command": "touch ran"})], stop=stop)
    async with serving(cut, Reply("Done.")) as server:
        performance = Performance(runtime)
        events = await performance.run(assignment(tmp_path))
    assert not (tmp_path / "ran").exists()
    assert results(server.history) == [NOT_RUN]
    assert performance.of(Notice)[0].text.endswith("its tool calls were not run.")
    assert events[-1] == Finished("Done.")


async def test_an_answer_that_was_cut_is_no_result_and_is_in_the_log(runtime, tmp_path):
    async with serving(
        Reply("Half an ans", stop="max_tokens", final_usage={"output_tokens": 4096})
    ):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert performance.of(AssistantText) == [AssistantText("Half an ans")]
    assert performance.failure == (
        "The model's answer was cut at its output limit. Ask for less at once, then"
        " resume. (4,096 tokens)"
    )


async def test_a_refusal_fails_the_run_and_is_not_kept(runtime, tmp_path):
    async with serving(Reply("No.", stop="refusal")):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert performance.failure.startswith("The model refuses")
    assert performance.failure.endswith("(No.)")
    assert performance.checkpoint.items == [{"role": "user", "content": "Do it."}]
    assert len(performance.of(UsageReported)) == 1


async def test_a_turn_that_was_cut_before_it_said_anything_fails_the_run(
    runtime, tmp_path
):
    async with serving(Reply(thinking="Hm", stop="max_tokens")):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert performance.failure.startswith("The model's answer was cut")
    assert performance.failure.endswith("(20 tokens)")


async def test_a_paused_turn_goes_straight_back(runtime, tmp_path):
    async with serving(Reply("So far", stop="pause_turn"), Reply("and on.")) as server:
        events = await Performance(runtime).run(assignment(tmp_path))
    assert server.history[-1] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "So far"}],
    }
    assert events[-1] == Finished("and on.")


# --- Limits ------------------------------------------------------------------------------


async def test_the_turn_limit_ends_a_run_and_a_resume_goes_on(runtime, tmp_path):
    async with serving(
        Reply(calls=[Call("list")]), Reply(calls=[Call("list")]), Reply("Done.")
    ):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path, max_turns=2))
        assert (
            performance.failure
            == "The turn limit of 2 is reached. Resume for as many more."
        )
        resumed = assignment(tmp_path, max_turns=2, checkpoint=performance.checkpoint)
        assert (await performance.run(resumed))[-1] == Finished("Done.")


async def test_who_counts_the_cost_can_stop_before_any_tool(runtime, tmp_path):
    call = Call("run", {"command": "touch ran"})
    async with serving(Reply(calls=[call])) as server:
        performance = Performance(runtime)
        events = await performance.run(assignment(tmp_path), until=4)
    assert kinds(events)[2:] == ["UsageReported", "CheckpointReached"]
    assert events[-1].will_continue
    assert not (tmp_path / "ran").exists()
    assert len(server.requests) == 1
