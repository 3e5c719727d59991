"""The contract that every runtime passes, each against a scripted server of its format."""

import os

import pytest

from agents.protocol import events
from tests.agents.runtimes.contract_calls import WRITE, select
from tests.agents.runtimes.direct.performing import Performance, assignment
from tests.agents.runtimes.drivers.base import Tokens, Turn


async def test_what_the_agent_says_is_the_result(runtime, serving, tmp_path):
    async with serving(Turn("Hello.", thinking="A greeting.")):
        seen = await Performance(runtime).run(assignment(tmp_path, "Say hello."))
    assert select(seen, events.AssistantText) == [events.AssistantText("Hello.")]
    assert select(seen, events.Thinking) == [events.Thinking("A greeting.")]
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
    assert select(seen, events.UsageReported)
    assert seen[-1].will_continue
    assert not (tmp_path / "a.txt").exists()
    assert len(server.requests) == 1


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
    opened = {event.key for event in select(seen, events.UsageSoFar)}
    reported = select(seen, events.UsageReported)
    ended = [event.open_key for event in reported]
    ended += [event.key for event in select(seen, events.NothingUsed)]
    assert sorted(ended) == sorted(opened)
    assert len(opened) == 3
    assert len(reported) == (3 if fault == "cut" else 2)


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
