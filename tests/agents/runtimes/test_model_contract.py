"""The model and how hard it thinks, on every runtime, each against a scripted server of its format."""

from uuid import uuid4

import pytest

from agents.protocol import events
from agents.protocol.inbox import Inbox, Message
from tasks.catalog import RUNTIMES
from tests.agents.runtimes.direct.performing import Performance, assignment
from tests.agents.runtimes.drivers import CLAUDE_CODE, CODEX
from tests.agents.runtimes.drivers.base import Turn, Use
from tests.agents.runtimes.drivers.direct import ANTHROPIC, OLLAMA, OPENAI

# Two that each agent knows, and that its provider has a price for.
MODELS = {
    ANTHROPIC.name: ("claude-opus-5-5", "claude-sonnet-4-6"),
    CLAUDE_CODE.name: ("claude-opus-5-5", "claude-sonnet-4-6"),
    OPENAI.name: ("gpt-6-sol", "gpt-6.1-sol"),
    CODEX.name: ("gpt-6-sol", "gpt-6.1-sol"),
    OLLAMA.name: ("gpt-oss:20b", "qwen3:8b"),
}
WRITE = Use("write", path="a.txt", content="hello")


def effort_in(body):
    """Return how hard a request tells the model to think, wherever its format says that."""
    places = (
        (body.get("output_config") or {}).get("effort"),
        (body.get("reasoning") or {}).get("effort"),
        body.get("think"),
    )
    return next((place for place in places if place is not None), None)


def said(text):
    return Inbox([Message(uuid4(), text)])


def is_thought_in(items):
    return "I thought of 17." in str(items) or "encrypted_content" in str(items)


def of(seen, kind):
    return [event for event in seen if isinstance(event, kind)]


async def test_the_model_and_the_effort_reach_the_provider(
    driver, runtime, serving, tmp_path
):
    model, _ = MODELS[driver.name]
    async with serving(Turn(uses=(WRITE,)), Turn("Done.")) as server:
        performance = Performance(runtime)
        seen = await performance.run(assignment(tmp_path, model=model, effort="high"))
    assert seen[-1] == events.Finished("Done."), performance.failure
    asked = [request.body for request in server.requests]
    assert [body["model"] for body in asked] == [model, model]
    assert [effort_in(body) for body in asked] == ["high", "high"]


async def test_without_them_it_is_the_runtimes_own_model_that_is_asked(
    driver, runtime, serving, tmp_path
):
    async with serving(Turn("Done.")) as server:
        await Performance(runtime).run(assignment(tmp_path))
    [body] = [request.body for request in server.requests]
    assert body["model"] == RUNTIMES[driver.name].model()
    if driver not in (CLAUDE_CODE, CODEX):  # which have a word of their own on it
        assert effort_in(body) is None


async def test_every_effort_of_the_catalog_is_one_that_the_agent_takes(
    driver, runtime, serving, tmp_path
):
    model, _ = MODELS[driver.name]
    efforts = RUNTIMES[driver.name].efforts
    for effort in efforts:
        async with serving(Turn("Done.")) as server:
            performance = Performance(runtime)
            seen = await performance.run(
                assignment(tmp_path, model=model, effort=effort)
            )
        assert seen[-1] == events.Finished("Done."), performance.failure
        sent = effort_in(server.requests[-1].body)
        assert sent == {"ollama none": False}.get(f"{driver.name} {effort}", effort), (
            effort
        )


async def test_what_is_booked_is_the_model_that_ran(driver, runtime, serving, tmp_path):
    model, _ = MODELS[driver.name]
    async with serving(Turn("Done.")):
        seen = await Performance(runtime).run(assignment(tmp_path, model=model))
    assert [event.usage.model for event in of(seen, events.UsageReported)] == [model]


async def test_a_resumed_session_goes_on_with_another_model(
    driver, runtime, serving, tmp_path
):
    first, second = MODELS[driver.name]
    async with serving(Turn("Noted.", thinking="I thought of 17.")):
        before = Performance(runtime)
        await before.run(
            assignment(tmp_path, "Remember 17.", model=first, effort="low")
        )
    async with serving(Turn("It was 17.")) as server:
        performance = Performance(runtime)
        seen = await performance.run(
            assignment(
                tmp_path,
                model=second,
                effort="high",
                checkpoint=before.checkpoint,
                inbox=said("What was it?"),
            )
        )
    assert seen[-1] == events.Finished("It was 17."), performance.failure
    body = server.requests[-1].body
    assert (body["model"], effort_in(body)) == (second, "high")
    assert "Remember 17." in str(body)
    assert "Noted." in str(body)
    assert [e.usage.model for e in of(seen, events.UsageReported)][-1] == second


async def test_a_model_that_is_not_known_fails_at_once_with_the_providers_reason(
    driver, runtime, serving, tmp_path
):
    model, _ = MODELS[driver.name]
    async with serving(Turn(fault="unknown model")) as server:
        performance = Performance(runtime)
        seen = await performance.run(assignment(tmp_path, model=model))
    assert model in performance.failure
    assert "the task or in its profile" in performance.failure
    reason = driver.errors["unknown model"][1]["message"]
    assert reason in performance.failure
    assert of(seen, events.Retrying) == []
    assert len(server.requests) == 1
    assert of(seen, events.UsageReported) == []


@pytest.mark.parametrize("direct", [ANTHROPIC, OPENAI], ids=lambda one: one.name)
async def test_another_model_is_not_given_what_only_the_first_can_read(
    direct, monkeypatch, tmp_path
):
    first, second = MODELS[direct.name]
    async with (
        direct.server(Turn("Noted.", thinking="I thought of 17.")) as server,
        direct.runtime() as runtime,
    ):
        for name, value in direct.environment(server.url).items():
            monkeypatch.setenv(name, value)
        before = Performance(runtime)
        await before.run(assignment(tmp_path, model=first))
    kept = before.checkpoint
    assert is_thought_in(kept.items)
    for model in (second, first):
        async with direct.server(Turn("Yes.")) as server, direct.runtime() as runtime:
            for name, value in direct.environment(server.url).items():
                monkeypatch.setenv(name, value)
            await Performance(runtime).run(
                assignment(
                    tmp_path,
                    model=model,
                    checkpoint=kept,
                    inbox=said("And now?"),
                )
            )
        body = server.requests[-1].body
        sent = body.get("messages") or body["input"]
        assert is_thought_in(sent) == (model == first)
        assert "Noted." in str(sent)
