"""What every runtime does with a tool's call: it asks, runs it, and tells the model."""

import pytest

from agents.protocol import events
from tests.agents.runtimes.contract_calls import WRITE, select
from tests.agents.runtimes.direct.performing import Performance, Person, assignment
from tests.agents.runtimes.drivers.base import Turn, Use

NONSENSE = Use("nonsense", content="17")


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
    assert (
        len(select(seen, events.ToolUse)) == len(select(seen, events.ToolResult)) == 3
    )
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


async def test_a_denied_call_does_not_run_and_the_model_hears_why(
    runtime, serving, tmp_path
):
    async with serving(Turn(uses=(WRITE,)), Turn("All right.")) as server:
        performance = Performance(runtime, Person(denies="not in this folder"))
        seen = await performance.run(assignment(tmp_path))
    assert not (tmp_path / "a.txt").exists()
    assert "not in this folder" in str(server.requests[-1].body)
    assert select(seen, events.ToolUse) == []
    assert select(seen, events.ToolResult)[0].is_error
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
    [not_run], [result] = (
        select(seen, events.ToolNotRun),
        select(seen, events.ToolResult),
    )
    assert input_said in str(not_run.tool_input)
    assert (use.path or use.command) in not_run.message
    assert (not_run.call_id, not_run.tool_name) == (result.call_id, result.tool_name)
    assert "not here" in result.output


async def test_a_call_that_makes_no_sense_tells_what_it_was(runtime, serving, tmp_path):
    async with serving(Turn(uses=(NONSENSE,)), Turn("All right.")):
        performance = Performance(runtime)
        seen = await performance.run(assignment(tmp_path))
    [result] = select(seen, events.ToolResult)
    [call] = select(seen, events.ToolNotRun)
    assert (call.call_id, result.is_error) == (result.call_id, True)
    assert "17" in str(call.tool_input)
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
