"""What the agent's requests cost, how their failures are read, what is shown of them."""

import asyncio

import pytest

from agents.protocol.events import (
    AssistantText,
    Finished,
    Notice,
    PartialText,
    Retrying,
    UsageReported,
)
from agents.providers.retries import RetryPolicy
from agents.runtimes.claude_code import ClaudeCode
from tests.agents.runtimes.direct.performing import Performance, assignment
from tests.servers.anthropic import Call, Reply

pytestmark = pytest.mark.slow

BUSY = Reply(status=529, error={"type": "overloaded_error", "message": "busy"})
REFUSED = Reply(
    status=401, error={"type": "authentication_error", "message": "invalid x-api-key"}
)


async def test_a_refused_key_fails_in_a_moment_and_names_the_variable(
    runtime, serving, tmp_path
):
    async with serving(REFUSED) as server:
        performance = Performance(runtime)
        async with asyncio.timeout(60):  # left alone it tries for three minutes
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
    assert [event.key for event in reported] == ["msg_1", "msg_2", "msg_3"]
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


async def test_a_rate_limit_longer_than_a_run_is_parked_says_when_it_opens(
    serving, tmp_path
):
    limited = Reply(
        status=429,
        error={"type": "rate_limit_error", "message": "slow down"},
        headers={"retry-after": "600"},
    )
    async with serving(limited):
        performance = Performance(ClaudeCode(policy=RetryPolicy(longest_park=300.0)))
        await performance.run(assignment(tmp_path))
    assert performance.parked is None
    assert "UTC. Resume after that." in performance.failure


async def test_the_agent_is_told_where_the_paths_of_a_task_start(
    runtime, serving, tmp_path
):
    async with serving(Reply("Done.")) as server:
        await Performance(runtime).run(assignment(tmp_path))
    system = str(server.requests[0].body["system"])
    assert f"/documents/a.csv is {tmp_path}/documents/a.csv" in system


async def test_a_used_up_budget_stops_a_call_whose_answer_goes_on(
    runtime, serving, tmp_path
):
    call = {
        "type": "tool_use",
        "id": "toolu_1",
        "name": "Bash",
        "input": {"command": "touch a"},
    }
    longer = Reply("And much more text.", blocks=[call], stop="tool_use", pace=0.1)
    async with serving(longer):
        performance = Performance(runtime)
        seen = await performance.run(assignment(tmp_path), until_budget=True)
    assert seen[-1].will_continue
    assert performance.ask.asked == []
    assert not (tmp_path / "a").exists()


async def test_a_call_of_an_answer_that_comes_without_a_stream_is_asked_about(
    runtime, serving, tmp_path
):
    # After a stream that fails in the middle, the CLI asks for the answer whole.
    broken = Reply("Half of it", fault="error")
    write = Call("Write", {"file_path": "a.txt", "content": "hello"})
    async with serving(broken, Reply(calls=[write]), Reply("Done.")) as server:
        performance = Performance(runtime)
        async with asyncio.timeout(60):
            seen = await performance.run(assignment(tmp_path))
    assert [bool(request.body.get("stream")) for request in server.requests] == [
        True,
        False,
        True,
    ]
    assert [call.action for call in performance.ask.asked] == ["write:/a.txt"]
    assert seen[-1] == Finished("Done."), performance.failure
    reported = performance.of(UsageReported)
    assert [event.key for event in reported] == ["msg_1", "msg_2", "msg_3"]
    assert [event.usage.output_tokens for event in reported] == [1, 20, 20]
