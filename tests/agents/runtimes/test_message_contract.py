"""What people say reaches the agent on every runtime: soon, in order and exactly once."""

import asyncio
from uuid import uuid4

import pytest

from agents.protocol import events
from agents.protocol.inbox import Inbox, Message
from tests.agents.runtimes.direct.performing import Performance, Person, assignment
from tests.agents.runtimes.drivers.base import Turn, Use
from tests.waiting import until

# A tool that goes on until the test lets it end.
LONG = Use("run", command="echo >> started; until [ -e go ]; do sleep 0.02; done")
WRITE = Use("write", path="a.txt", content="hello")


def said(text):
    return Message(uuid4(), text)


def delivered(performance):
    reached = performance.of(events.CheckpointReached)
    return [message_id for event in reached for message_id in event.delivered]


def assert_kept_together(performance, texts):
    """What a checkpoint says is delivered is in the very items that it keeps."""
    for event in performance.of(events.CheckpointReached):
        for message_id in event.delivered:
            assert texts[message_id] in str(event.items)


def times(text, request):
    return str(request.body).count(text)


class Running:
    """A run that goes on in the background while the test talks to its agent."""

    def __init__(self, performance, given):
        self.performance = performance
        self.inbox = given.inbox
        self.task = asyncio.create_task(performance.run(given))

    async def until(self, condition):
        await until(lambda: condition() or self.task.done())
        assert condition(), (self.performance.failure, self.task)

    async def taken(self):
        await self.until(lambda: not self.inbox.has_any)

    async def ended(self):
        async with asyncio.timeout(60):
            return await self.task


async def test_said_while_a_tool_runs_it_is_in_the_next_request(
    runtime, serving, tmp_path
):
    async with serving(Turn(uses=(LONG,)), Turn("Done.")) as server:
        performance = Performance(runtime)
        running = Running(performance, assignment(tmp_path, inbox=Inbox()))
        await running.until((tmp_path / "started").exists)
        first, second = said("not THIS one"), said("but THAT one")
        running.inbox.put([first, second])
        if not runtime_waits_for_results(runtime):
            await running.taken()
        (tmp_path / "go").touch()
        seen = await running.ended()
    assert seen[-1] == events.Finished("Done."), performance.failure
    assert delivered(performance) == [first.id, second.id]
    assert_kept_together(performance, {first.id: first.text, second.id: second.text})
    assert (tmp_path / "started").read_text() == "\n"  # it was not begun again
    _, request = server.requests
    body = str(request.body)
    assert times("not THIS one", request) == times("but THAT one", request) == 1
    assert body.index("not THIS one") < body.index("but THAT one")


def runtime_waits_for_results(runtime):
    """Our own loop takes what was said when its tools are done."""
    return "direct" in type(runtime).__module__


async def test_said_while_the_last_answer_comes_the_run_goes_on_with_it(
    runtime, serving, tmp_path
):
    async with serving(
        Turn("This would be the end.", fault="pings"), Turn("Now it is.")
    ) as server:
        performance = Performance(runtime)
        running = Running(performance, assignment(tmp_path, inbox=Inbox()))
        await running.until(lambda: performance.of(events.PartialText))
        late = said("ONE more thing")
        running.inbox.put([late])
        server.goes_on.set()
        seen = await running.ended()
    assert seen[-1] == events.Finished("Now it is."), performance.failure
    said_by_agent = [event.text for event in performance.of(events.AssistantText)]
    assert said_by_agent == ["This would be the end.", "Now it is."]
    assert delivered(performance) == [late.id]
    assert [times("ONE more thing", request) for request in server.requests] == [0, 1]
    assert "This would be the end." in str(server.requests[-1].body)
    assert len(performance.of(events.UsageReported)) == 2


async def test_said_while_a_permission_is_pending_it_comes_after_the_answer(
    runtime, serving, tmp_path
):
    asked, decided = asyncio.Event(), asyncio.Event()

    async def person(call):
        asked.set()
        await decided.wait()
        return await Person()(call)

    async with serving(Turn(uses=(WRITE,)), Turn("Done.")) as server:
        performance = Performance(runtime, person)
        running = Running(performance, assignment(tmp_path, inbox=Inbox()))
        await running.until(asked.is_set)
        meanwhile = said("while you WAIT")
        running.inbox.put([meanwhile])
        if not runtime_waits_for_results(runtime):
            await running.taken()
        assert len(server.requests) == 1  # nothing was answered for the person
        decided.set()
        seen = await running.ended()
    assert seen[-1] == events.Finished("Done."), performance.failure
    assert (tmp_path / "a.txt").read_text().strip() == "hello"
    assert delivered(performance) == [meanwhile.id]
    assert [times("while you WAIT", request) for request in server.requests] == [0, 1]


async def test_said_after_the_end_it_goes_on_in_the_same_conversation(
    runtime, serving, tmp_path
):
    async with serving(Turn("The first end."), Turn("The second.")) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path, "Say SOMETHING."))
        after = said("and now ELSE")
        given = assignment(
            tmp_path,
            "Say SOMETHING.",
            checkpoint=performance.checkpoint,
            inbox=Inbox([after]),
        )
        seen = await performance.run(given)
    assert seen[-1] == events.Finished("The second."), performance.failure
    assert delivered(performance) == [after.id]
    request = server.requests[-1]
    assert times("and now ELSE", request) == times("Say SOMETHING.", request) == 1
    assert "The first end." in str(request.body)


async def test_said_before_the_start_it_comes_with_the_task(runtime, serving, tmp_path):
    async with serving(Turn("Done.")) as server:
        performance = Performance(runtime)
        before = said("by the way, in FRENCH"), said("and in GERMAN")
        given = assignment(tmp_path, "Say something.", inbox=Inbox(before))
        seen = await performance.run(given)
    assert seen[-1] == events.Finished("Done."), performance.failure
    assert delivered(performance) == [one.id for one in before]
    [request] = server.requests
    assert times("in FRENCH", request) == times("in GERMAN", request) == 1


@pytest.mark.parametrize("is_told_again", [True, False])
async def test_stopped_between_taking_and_delivering_it_is_delivered_once(
    runtime, serving, tmp_path, is_told_again
):
    """As after a `kill -9`: what no checkpoint tells of, the next run is given once more."""
    script = Turn("First.", uses=(LONG,)), Turn("The end.")
    async with serving(*script, by_turn=True) as server:
        performance = Performance(runtime)
        running = Running(performance, assignment(tmp_path, inbox=Inbox()))
        await running.until((tmp_path / "started").exists)
        lost = said("the OTHER file")
        running.inbox.put([lost])
        if not runtime_waits_for_results(runtime):
            await running.taken()
        running.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running.task
        assert len(server.requests) == 1  # nothing was begun with it while it stopped
        left = [] if lost.id in delivered(performance) else [lost]
        more = [said("and HURRY")] if is_told_again else []
        resumed = assignment(
            tmp_path,
            checkpoint=performance.checkpoint,
            inbox=Inbox([*left, *more]),
        )
        seen = await performance.run(resumed)
    assert seen[-1] == events.Finished("The end."), performance.failure
    assert delivered(performance) == [lost.id, *(one.id for one in more)]
    assert times("the OTHER file", server.requests[-1]) == 1
    assert times("and HURRY", server.requests[-1]) == len(more)


async def test_what_is_delivered_stays_in_the_conversation_and_is_not_told_again(
    runtime, serving, tmp_path
):
    async with serving(
        Turn(uses=(LONG,)), Turn(fault="bad key"), Turn("The end.")
    ) as server:
        performance = Performance(runtime)
        running = Running(performance, assignment(tmp_path, inbox=Inbox()))
        await running.until((tmp_path / "started").exists)
        once = said("only ONCE")
        running.inbox.put([once])
        if not runtime_waits_for_results(runtime):
            await running.taken()
        (tmp_path / "go").touch()
        await running.ended()
        assert performance.failure
        assert delivered(performance) == [once.id]
        resumed = assignment(tmp_path, checkpoint=performance.checkpoint)
        seen = await performance.run(resumed)
    assert seen[-1] == events.Finished("The end.")
    assert times("only ONCE", server.requests[-1]) == 1
