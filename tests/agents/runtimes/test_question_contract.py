"""An agent asks a person, on every runtime: with choices, for free text, and it waits."""

import asyncio

import pytest

from agents.protocol import events
from agents.protocol.runtime import Decision
from tasks.rules import questions
from tests.agents.runtimes.direct.performing import Performance, assignment
from tests.agents.runtimes.drivers.base import Turn, Use

ASK = Use("ask", content="Which database?", options=("SQLite", "PostgreSQL"))


class Answering:
    """A person who gives this answer to every question, or none, with a word why."""

    def __init__(self, answer="", *, refuses=""):
        self.asked = []
        self._answer = answer
        self._refuses = refuses

    async def __call__(self, call):
        self.asked.append(call)
        if self._refuses:
            return Decision(False, call.tool_input, self._refuses, by_person=True)
        asked = questions.find_questions(call.tool_input)
        answers = {questions.read_text(one): self._answer for one in asked}
        decided = questions.add_answers(call.tool_input, answers)
        assert call.remake(decided).action == call.action
        return Decision(True, decided, action=call.action, by_person=True)


@pytest.mark.parametrize("answer", ["PostgreSQL", "neither; ask the DBA"])
async def test_what_a_person_answers_reaches_the_model(
    runtime, serving, tmp_path, answer
):
    async with serving(Turn(uses=(ASK,)), Turn("Done.")) as server:
        performance = Performance(runtime, Answering(answer))
        seen = await performance.run(assignment(tmp_path))
    assert seen[-1] == events.Finished("Done."), performance.failure
    [call] = performance.ask.asked
    assert questions.is_question(call.action)
    [asked] = questions.find_questions(call.tool_input)
    assert questions.read_text(asked) == "Which database?"
    assert questions.read_labels(asked) == ["SQLite", "PostgreSQL"]
    assert answer in str(server.requests[-1].body)
    assert answer not in str(server.requests[0].body)
    [used], [result] = performance.of(events.ToolUse), performance.of(events.ToolResult)
    assert used.call_id == result.call_id
    assert (answer in result.output, result.is_error) == (True, False)
    notices = [event.text for event in performance.of(events.Notice)]
    assert notices == []


async def test_a_question_that_is_not_answered_tells_the_model_why(
    runtime, serving, tmp_path
):
    async with serving(Turn(uses=(ASK,)), Turn("All right.")) as server:
        performance = Performance(runtime, Answering(refuses="decide that yourself"))
        seen = await performance.run(assignment(tmp_path))
    assert seen[-1] == events.Finished("All right."), performance.failure
    assert "decide that yourself" in str(server.requests[-1].body)


async def test_a_question_outlives_its_worker(runtime, serving, tmp_path):
    async def nobody(call):
        first.append(call)
        waits.set()
        await asyncio.Event().wait()

    waits, first = asyncio.Event(), []
    async with serving(Turn(uses=(ASK,)), Turn("Done."), by_turn=True) as server:
        performance = Performance(runtime, nobody)
        task = asyncio.create_task(performance.run(assignment(tmp_path)))
        async with asyncio.timeout(60):
            await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        performance.ask = Answering("SQLite")
        resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
        seen = await performance.run(resumed)
    assert isinstance(seen[-1], events.Finished), performance.failure
    # By their input the worker knows that they are the same.
    for again in performance.ask.asked:
        assert again.tool_input == first[0].tool_input
        assert again.action == first[0].action
    assert len(server.requests) <= 3
