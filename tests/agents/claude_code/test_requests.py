"""What the agent's requests cost, how their failures are read, what is shown of them."""

import asyncio

from agents.events import (
    AssistantText,
    Finished,
    Notice,
    PartialText,
    Retrying,
    UsageReported,
)
from tests.agents.performing import Performance, assignment
from tests.servers.anthropic import Call, Reply

BUSY = Reply(status=529, error={"type": "overloaded_error", "message": "busy"})
REFUSED = Reply(
    status=401, error={"type": "authentication_error", "message": "invalid x-api-key"}
)


async def test_a_refused_key_fails_in_a_moment_and_names_the_variable(
    runtime, serving, tmp_path
):
    async with serving(REFUSED) as server:
        performance = Performance(runtime)
        async with asyncio.timeout(15):  # left alone it tries for three minutes
            await performance.run(assignment(tmp_path))
    assert "ANTHROPIC_API_KEY" in performance.failure
    assert len(server.requests) <= 2


async def test_retries_are_shown_and_bounded(runtime, serving, tmp_path):
    async with serving(BUSY) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert len(server.requests) == 3
    assert len(performance.of(Retrying)) == 2
    assert "overloaded" in performance.of(Retrying)[0].reason
    assert "Resume later" in performance.failure


async def test_text_is_shown_while_it_comes_and_only_the_whole_is_kept(
    runtime, serving, tmp_path
):
    async with serving(Reply("Half of it", fault="cut"), Reply("The whole of it.")):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert performance.of(PartialText)
    assert performance.of(AssistantText) == [AssistantText("The whole of it.")]


async def test_what_a_broken_answer_used_is_booked_once(runtime, serving, tmp_path):
    async with serving(Reply("Half of it", fault="cut"), Reply("The whole.")):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    keys = [event.key for event in performance.of(UsageReported)]
    assert keys.count("msg_2") == 1
    assert len(keys) == len(set(keys))


async def test_a_helper_agent_is_booked_under_its_own_requests(
    runtime, serving, tmp_path
):
    start = Call(
        "Agent",
        {
            "description": "Look",
            "prompt": "Look round.",
            "subagent_type": "general-purpose",
        },
    )
    async with serving(
        Reply(calls=[start]), Reply("Helped."), Reply("Done.")
    ) as server:
        performance = Performance(runtime)
        seen = await performance.run(assignment(tmp_path))
    assert seen[-1] == Finished("Done."), performance.failure
    assert [call.action for call in performance.ask.asked] == ["agent:start"]
    assert len(server.requests) == 3
    reported = performance.of(UsageReported)
    assert [event.key for event in reported[:2]] == ["msg_1", "msg_3"]
    assert sum(event.usage.input_tokens for event in reported) == 300
    assert sum(event.usage.output_tokens for event in reported) == 60


async def test_a_model_that_is_served_by_another_is_said(
    runtime, serving, tmp_path, monkeypatch
):
    monkeypatch.setenv("ANTHROPIC_MODEL", "my-own-model")
    async with serving(Reply("Done.")) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert server.requests[0].body["model"] == "my-own-model"
    assert performance.of(UsageReported)[0].usage.model == "my-own-model"
    assert performance.of(Notice) == []
