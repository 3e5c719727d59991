"""The Messages API: what is sent, what is read, and how it is stopped."""

import asyncio

import pytest

from agents.protocol.events import (
    AssistantText,
    Finished,
    PartialText,
    Retrying,
    Thinking,
    UsageReported,
)
from agents.providers.retries import RetryPolicy
from ledger.pricing import Usage, find_price
from tests.agents.runtimes.direct.performing import (
    Performance,
    Person,
    anthropic_runtime,
    assignment,
    serving,
)
from tests.servers.anthropic import Call, Reply

VARIABLES = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_MODEL",
    "STAGENT_EMBEDDED_URL",
)


@pytest.fixture
async def runtime():
    async with anthropic_runtime() as runtime:
        yield runtime


@pytest.fixture(autouse=True)
def nothing_is_set_up(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


# --- What is sent ------------------------------------------------------------------------


async def test_a_request_holds_the_task_the_profile_and_the_tools(runtime, tmp_path):
    async with serving(Reply("Hello.")) as server:
        await Performance(runtime).run(assignment(tmp_path, "Say hello."))
    body = server.requests[0].body
    assert body["messages"] == [{"role": "user", "content": "Say hello."}]
    assert body["system"] == "Be brief."
    assert body["model"] == "claude-sonnet-5-5"
    assert body["cache_control"] == {"type": "ephemeral"}
    assert body["tools"][0]["name"] == "list"
    assert body["tools"][0]["input_schema"]["type"] == "object"


async def test_the_key_goes_out_in_both_headers(runtime, tmp_path):
    async with serving(Reply("Hello.")) as server:
        await Performance(runtime).run(assignment(tmp_path))
    headers = server.requests[0].headers
    assert (headers["authorization"], headers["x-api-key"]) == (
        "Bearer sk-test",
        "sk-test",
    )


async def test_a_token_goes_out_as_a_bearer_only(runtime, tmp_path, monkeypatch):
    async with serving(Reply("Hello.")) as server:
        monkeypatch.delenv("ANTHROPIC_API_KEY")
        monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token")
        await Performance(runtime).run(assignment(tmp_path))
    headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer token"
    assert "x-api-key" not in headers


async def test_a_server_of_ones_own_needs_no_key(runtime, tmp_path, monkeypatch):
    async with serving(Reply("Hello.")):
        monkeypatch.delenv("ANTHROPIC_API_KEY")
        monkeypatch.setenv("ANTHROPIC_MODEL", "my-model")
        performance = Performance(runtime)
        assert (await performance.run(assignment(tmp_path)))[-1] == Finished("Hello.")
    assert performance.of(UsageReported)[0].usage.model == "my-model"


async def test_without_key_and_embedded_model_the_run_fails_with_what_to_do(
    runtime, tmp_path
):
    performance = Performance(runtime)
    await performance.run(assignment(tmp_path))
    assert "Set ANTHROPIC_API_KEY" in performance.failure


async def test_the_default_model_has_a_price():
    assert find_price(Usage("anthropic", "claude-sonnet-5-5", input_tokens=1))


async def test_many_runs_share_their_connections(runtime, tmp_path):
    async with serving(Reply("Hello.")):
        runs = (Performance(runtime).run(assignment(tmp_path)) for _ in range(20))
        ends = [events[-1] for events in await asyncio.gather(*runs)]
    assert ends == [Finished("Hello.")] * 20


# --- What is read ------------------------------------------------------------------------


async def test_text_grows_while_it_comes(runtime, tmp_path, monkeypatch):
    monkeypatch.setattr("agents.runtimes.direct.loop.PARTIAL_TEXT_SECONDS", 0)
    async with serving(Reply("abcdefgh")):
        performance = Performance(runtime)
        events = await performance.run(assignment(tmp_path))
    partial = [event.text for event in performance.of(PartialText)]
    assert partial == ["ab", "abcd", "abcdef", "abcdefgh"]
    assert events[-1] == Finished("abcdefgh")


async def test_text_that_comes_fast_is_shown_a_few_times_only(runtime, tmp_path):
    async with serving(Reply("many words " * 1000)):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert len(performance.of(PartialText)) <= 2


async def test_a_thought_is_told_and_goes_back_with_its_signature(runtime, tmp_path):
    async with serving(
        Reply("So.", thinking="Hm.", calls=[Call("list")]), Reply("Done.")
    ) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert performance.of(Thinking) == [Thinking("Hm.")]
    assert server.history[1]["content"][0] == {
        "type": "thinking",
        "thinking": "Hm.",
        "signature": "signed",
    }


async def test_blocks_of_unknown_kinds_go_back_as_they_came(runtime, tmp_path):
    unknown = {"type": "dream", "about": {"sheep": 12345678901234567890}, "x": None}
    redacted = {"type": "redacted_thinking", "data": "opaque=="}
    reply = Reply(calls=[Call("list")], blocks=[unknown, redacted])
    async with serving(reply, Reply("Done.")) as server:
        await Performance(runtime).run(assignment(tmp_path))
    assert server.history[1]["content"][:2] == [unknown, redacted]


async def test_empty_text_and_unsigned_thoughts_do_not_go_back(runtime, tmp_path):
    blocks = [
        {"type": "thinking", "thinking": "Hm", "signature": ""},
        {"type": "text", "text": " "},
    ]
    async with serving(
        Reply(calls=[Call("list")], blocks=blocks), Reply("Done.")
    ) as server:
        await Performance(runtime).run(assignment(tmp_path))
    assert [block["type"] for block in server.history[1]["content"]] == ["tool_use"]


async def test_a_call_that_comes_whole_is_read_too(runtime, tmp_path):
    whole = {"type": "tool_use", "id": "id1", "name": "read", "input": {"path": "x"}}
    reply = Reply(blocks=[whole], stop="tool_use")
    async with serving(reply, Reply("Done.")):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert performance.ask.asked[0].tool_input == {"path": "x"}


async def test_citations_are_kept(runtime, tmp_path):
    citation = {"type": "char_location", "cited_text": "x", "document_index": 0}
    delta = {"type": "citations_delta", "citation": citation}
    reply = Reply("Cited.", calls=[Call("list")], deltas=[delta])
    async with serving(reply, Reply("Done.")) as server:
        await Performance(runtime).run(assignment(tmp_path))
    assert server.history[1]["content"][0]["citations"] == [citation]


async def test_half_characters_are_mended(runtime, tmp_path):
    deltas = [
        {"type": "text_delta", "text": half} for half in ("\ud83d", "\ude00", " \ud83d")
    ]
    async with serving(
        Reply("Oh ", deltas=deltas, calls=[Call("list")]), Reply("Done.")
    ):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert performance.of(AssistantText)[0].text == "Oh 😀 \ufffd"


async def test_content_of_an_unknown_kind_fails_rather_than_being_kept_by_half(
    runtime, tmp_path
):
    async with serving(Reply("Oh", deltas=[{"type": "smell_delta", "smell": "roses"}])):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert "smell_delta" in performance.failure
    assert performance.checkpoint.items == [{"role": "user", "content": "Do it."}]


async def test_usage_is_in_disjoint_counts(runtime, tmp_path):
    usage = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 70,
        "cache_read_input_tokens": 400,
        "cache_creation": {
            "ephemeral_5m_input_tokens": 50,
            "ephemeral_1h_input_tokens": 20,
        },
    }
    final = {"output_tokens": 33, "cache_read_input_tokens": None}
    async with serving(Reply("Hello.", usage=usage, final_usage=final)):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    (reported,) = performance.of(UsageReported)
    assert (reported.key, reported.is_estimated) == ("msg_1", False)
    assert reported.usage == Usage(
        provider="anthropic",
        model="claude-sonnet-5-5",
        input_tokens=10,
        cache_read_tokens=400,
        cache_write_tokens=50,
        cache_write_1h_tokens=20,
        output_tokens=33,
    )


async def test_every_request_is_booked_under_its_own_key(runtime, tmp_path):
    async with serving(Reply(calls=[Call("list")]), Reply("Done.")):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert [event.key for event in performance.of(UsageReported)] == ["msg_1", "msg_2"]


# --- Stopping ----------------------------------------------------------------------------


async def test_cancelling_in_the_middle_of_an_answer_hangs_up_at_once(
    runtime, tmp_path
):
    async with serving(Reply("Half of it", fault="stall")) as server:
        partial, performance = await _first_text(runtime, tmp_path)
        waiting = asyncio.create_task(anext(performance))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(server.hung_up.wait(), 60)
    assert isinstance(partial, PartialText)


async def test_closing_in_the_middle_of_an_answer_hangs_up_at_once(runtime, tmp_path):
    async with serving(Reply("Half of it", fault="stall")) as server:
        _, performance = await _first_text(runtime, tmp_path)
        await performance.aclose()
        await asyncio.wait_for(server.hung_up.wait(), 60)


async def test_cancelling_between_two_tries_ends_at_once(tmp_path):
    async with (
        anthropic_runtime(policy=RetryPolicy(first_delay=30.0)) as runtime,
        serving(Reply(status=529)),
    ):
        performance = runtime.perform(assignment(tmp_path), Person())
        while not isinstance(await anext(performance), Retrying):
            pass
        waiting = asyncio.create_task(anext(performance))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def _first_text(runtime, tmp_path):
    performance = runtime.perform(assignment(tmp_path), Person())
    while not isinstance(event := await anext(performance), PartialText):
        pass
    return event, performance
