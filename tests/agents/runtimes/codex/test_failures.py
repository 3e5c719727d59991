"""What goes wrong with a request ends the run, rests it, or is tried again."""

import time
from base64 import b64decode

import pytest

from agents.protocol import events
from agents.protocol.runtime import RuntimeFailed
from agents.providers.failures import TurnFailed
from agents.providers.openai import OpenAIEndpoint
from agents.providers.retries import RetryPolicy
from agents.runtimes.codex.failures import read_failure
from tests.agents.runtimes.codex.script import DONE, run
from tests.servers.scripted import Call, Reply

ENDPOINT = OpenAIEndpoint("http://localhost/v1", "gpt-5.5", "key")
ONCE = RetryPolicy(tries=1)
PIXEL = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.mark.parametrize(
    ("info", "message", "kind", "words"),
    [
        ({"httpConnectionFailed": {"httpStatusCode": 401}}, "", RuntimeFailed, "refused"),
        ({"httpConnectionFailed": {"httpStatusCode": 403}}, "", RuntimeFailed, "may not"),
        ({"httpConnectionFailed": {"httpStatusCode": 404}}, "", RuntimeFailed, "gpt-5.5"),
        ({"httpConnectionFailed": {"httpStatusCode": None}}, "x", TurnFailed, "broke"),
        ("usageLimitExceeded", "Quota exceeded.", RuntimeFailed, "Top it up"),
        ("usageLimitExceeded", "The usage limit of the plan is hit.", TurnFailed, "plan is reached"),
        ("contextWindowExceeded", "", RuntimeFailed, "too long"),
        ("serverOverloaded", "", TurnFailed, "overloaded"),
        ("internalServerError", "", TurnFailed, "failed"),
        ("rateLimitExceeded", "try again in 1.5s", TurnFailed, "rate limit"),
        ("rateLimitExceeded", "later", TurnFailed, "rate limit"),
        ({"responseTooManyFailedAttempts": {"httpStatusCode": 429}}, "", TurnFailed, "rate limit"),
        ("other", "stream broke: Rate limit reached", TurnFailed, "rate limit"),
        ("cyberPolicy", "", RuntimeFailed, "refuses"),
        ("other", "Incomplete response returned, reason: max_output_tokens", RuntimeFailed, "was cut"),
        ("other", "Incomplete response returned, reason: content_filter", RuntimeFailed, "refuses"),
        ("other", '{"error": {"code": "bad"}}', RuntimeFailed, "does not accept"),
        ("other", "stream disconnected", TurnFailed, "broke"),
        ("a word of a later version", "?", TurnFailed, "broke"),
        (None, "", TurnFailed, "broke"),
    ],
)  # fmt: skip
def test_each_failure_is_what_it_means_for_the_run(info, message, kind, words):
    failure = read_failure({"codexErrorInfo": info, "message": message}, ENDPOINT)
    assert type(failure) is kind
    assert words in str(failure)


async def test_the_usage_limit_of_a_plan_rests_the_run_at_once(play):
    error = {"type": "usage_limit_reached", "message": "limit", "plan_type": "plus"}
    performance = await play(Reply(status=429, error=error))
    assert performance.parked.reason.startswith("The usage limit of the account's plan")
    assert performance.parked.seconds == 900
    assert len(performance.server.requests) == 1


async def test_the_usage_limit_of_a_plan_rests_the_run_until_it_resets(play):
    resets_at = int(time.time()) + 3_600
    error = {"type": "usage_limit_reached", "message": "limit", "resets_at": resets_at}
    performance = await play(Reply(status=429, error=error))
    assert 3_500 <= performance.parked.seconds <= 3_700  # Codex says no seconds


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("try again in 1.5s", 1.5),
        ("try again at Jan 1st, 2020 1:00 AM.", 60.0),  # it has passed
        ("try again at Foo 1st, 2020 1:00 AM.", None),
        ("try again later", None),
    ],
)
def test_when_to_try_again_is_read_from_the_sentence(said, seconds):
    error = {"codexErrorInfo": "usageLimitExceeded", "message": said}
    assert read_failure(error, ENDPOINT).retry_after == seconds


async def test_a_provider_that_is_not_there_ends_the_run_by_our_clock(play):
    performance = await play(Reply(is_refused=True), policy=ONCE)
    assert "Resume later" in performance.failure


async def test_a_flood_of_output_is_cut(play):
    performance = await play(run("yes | head -c 20000000", yield_time_ms=30_000), DONE)
    [result] = performance.of(events.ToolResult)
    assert len(result.output) <= 30_000
    kept = performance.checkpoint.items
    assert sum(len(str(item)) for item in kept) < 200_000


async def test_a_command_that_outlives_the_turn_is_ended_and_told(play):
    background = run("echo begun; sleep 300", yield_time_ms=250)
    performance = await play(background, DONE)
    [result] = performance.of(events.ToolResult)
    assert "begun" in result.output
    assert performance.events[-1] == events.Finished("Done.")


async def test_what_nobody_is_asked_about_is_told_all_the_same(play):
    poke = Reply(calls=[_write_stdin()])
    performance = await play(poke, DONE)
    [use] = performance.of(events.ToolUse)
    [result] = performance.of(events.ToolResult)
    assert use.tool_name == "write_stdin"
    assert use.call_id == result.call_id
    assert "Unknown process" in result.output


async def test_an_image_that_the_model_looks_at_is_told_too(play, workspace):
    (workspace / "a.png").write_bytes(PIXEL)
    look = Reply(calls=[Call("view_image", {"path": "a.png"})])
    performance = await play(look, DONE)
    [use] = performance.of(events.ToolUse)
    assert (use.tool_name, use.tool_input) == ("view_image", {"path": "a.png"})
    assert [result.call_id for result in performance.of(events.ToolResult)] == [
        use.call_id
    ]


def _write_stdin():
    call = run("unused").calls[0]
    return type(call)("write_stdin", {"session_id": 1, "chars": "x"})
