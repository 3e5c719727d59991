"""Every way in which the Messages API fails, and what becomes of the run."""

import time
from email.utils import formatdate

import pytest

from agents.protocol.events import (
    AssistantText,
    Finished,
    Retrying,
    UsageReported,
)
from agents.providers.failures import TurnFailed
from agents.providers.retries import RetryPolicy
from tests.agents.runtimes.direct.performing import (
    Performance,
    anthropic_runtime,
    assignment,
    kinds,
    serving,
)
from tests.servers.anthropic import Reply

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


@pytest.fixture
async def impatient():
    """A runtime that waits for no piece of an answer longer than this."""
    async with anthropic_runtime(read_seconds=0.2) as runtime:
        yield runtime


# --- Passing failures --------------------------------------------------------------------

PASSING = {
    "overloaded": Reply(
        status=529, error={"type": "overloaded_error", "message": "busy"}
    ),
    "rate limit": Reply(
        status=429, error={"type": "rate_limit_error", "message": "slow"}
    ),
    "failed": Reply(status=500),
    "bad gateway": Reply(status=502, error={}),
    "timed out": Reply(status=408, error={"type": "timeout_error", "message": "late"}),
    "closed at once": Reply(is_refused=True),
    "no headers": Reply(is_silent=True),
    "cut": Reply("Half of it", fault="cut"),
    "body ends": Reply("Half of it", fault="end"),
    "stall": Reply("Half of it", fault="stall"),
    "error event": Reply(
        "Half of it",
        fault="error",
        error={"type": "overloaded_error", "message": "busy"},
    ),
    "garbage": Reply("Half of it", fault="garbage"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
async def test_a_passing_failure_is_retried_and_leaves_no_trace(
    impatient, tmp_path, fault
):
    async with serving(fault, Reply("Whole.")) as server:
        performance = Performance(impatient)
        events = await performance.run(assignment(tmp_path))
    assert events[-1] == Finished("Whole.")
    assert len(performance.of(Retrying)) == 1
    assert server.requests[0].body == server.requests[1].body
    assert performance.of(AssistantText) == [AssistantText("Whole.")]
    assert len(performance.checkpoint.items) == 2


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
async def test_a_failure_that_does_not_pass_ends_the_run(tmp_path, fault):
    policy = RetryPolicy(tries=2, first_delay=0.0)
    async with (
        anthropic_runtime(policy=policy, read_seconds=0.1) as runtime,
        serving(fault) as server,
    ):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    if fault is PASSING["rate limit"]:
        assert performance.parked.seconds == 60
    else:
        assert "2 times in a row. Resume later" in performance.failure
        assert performance.checkpoint.items == [{"role": "user", "content": "Do it."}]
    assert len(server.requests) == 2


async def test_the_log_says_why_and_when_it_is_tried_again(runtime, tmp_path):
    async with serving(PASSING["overloaded"], Reply("Whole.")):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    reason = "The provider is overloaded (529: busy); next try in 0 s"
    assert performance.of(Retrying) == [Retrying(reason, 0.0)]


async def test_what_a_broken_answer_used_is_booked(runtime, tmp_path):
    async with serving(PASSING["cut"], Reply("Whole.")):
        performance = Performance(runtime)
        events = await performance.run(assignment(tmp_path))
    broken, whole = performance.of(UsageReported)
    assert (broken.key, broken.usage.input_tokens, broken.usage.output_tokens) == (
        "msg_1",
        100,
        1,
    )
    assert whole.key == "msg_2"
    assert kinds(events)[3:5] == ["UsageReported", "Retrying"]


async def test_a_server_that_is_not_there_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    async with anthropic_runtime(
        policy=RetryPolicy(tries=3, first_delay=0.0)
    ) as runtime:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert performance.failure.startswith("Cannot reach http://127.0.0.1:1 (")
    assert len(performance.of(Retrying)) == 2


def test_delays_grow_up_to_a_bound_and_differ():
    policy = RetryPolicy(tries=100)
    failure = TurnFailed("Oh")
    delays = [policy.choose_delay(failure, failures) for failures in range(1, 12)]
    assert 0.5 <= delays[0] <= 1
    assert 2 <= delays[2] <= 4
    assert all(15 <= delay <= 30 for delay in delays[5:])
    assert len(set(delays[5:])) > 1


@pytest.mark.parametrize(
    "headers", [{"retry-after": "7"}, {"retry-after-ms": "7000", "retry-after": "1"}]
)
async def test_a_providers_wish_is_waited_out(runtime, tmp_path, monkeypatch, headers):
    waits = []

    async def sleep(delay):
        waits.append(delay)

    async with serving(Reply(status=429, headers=headers), Reply("Whole.")):
        monkeypatch.setattr("agents.runtimes.direct.loop.asyncio.sleep", sleep)
        await Performance(runtime).run(assignment(tmp_path))
    assert waits == [7.0]


@pytest.mark.parametrize(
    "wish",
    ["600", "1e99", "a date"],
    ids=["seconds", "for ever", "a date"],
)
async def test_a_long_wish_parks_the_run(runtime, tmp_path, wish):
    if wish == "a date":  # counted from here, not from when the tests were collected
        wish = formatdate(time.time() + 600, usegmt=True)
    async with serving(
        Reply(status=429, headers={"retry-after": wish}), Reply("Whole.")
    ) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    if wish == "1e99":  # no number of seconds: not a wish
        assert performance.events[-1] == Finished("Whole.")
        return
    assert performance.parked.seconds == pytest.approx(600, abs=20)
    assert performance.parked.reason.startswith("The provider")
    assert len(server.requests) == 1


async def test_a_wish_beyond_the_bound_fails_with_the_time_to_resume(tmp_path):
    async with (
        anthropic_runtime(policy=RetryPolicy(longest_park=500)) as runtime,
        serving(Reply(status=429, headers={"retry-after": "600"})) as server,
    ):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert "UTC. Resume after that." in performance.failure
    assert len(server.requests) == 1


# --- Lasting failures --------------------------------------------------------------------

LASTING = [
    (
        401,
        "authentication_error",
        "invalid",
        "The key in ANTHROPIC_API_KEY was refused. Set a",
    ),
    (
        402,
        "billing_error",
        "no credit",
        "The account of the key in ANTHROPIC_API_KEY cannot pay",
    ),
    (403, "permission_error", "no", "The key in ANTHROPIC_API_KEY may not do this"),
    (404, "not_found_error", "model: x", "does not know the model claude-sonnet-5-5"),
    (
        413,
        "request_too_large",
        "big",
        "The conversation is too long for claude-sonnet-5-5",
    ),
    (
        400,
        "invalid_request_error",
        "prompt is too long: 9 > 8",
        "The conversation is too long",
    ),
    (400, "exceed_context_size_error", "exceeds", "The conversation is too long"),
    (
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the API.",
        "The account of the key in ANTHROPIC_API_KEY cannot pay. Top it up",
    ),
    (
        400,
        "invalid_request_error",
        "tools: odd",
        "The provider does not accept the request",
    ),
]


@pytest.mark.parametrize(("status", "kind", "said", "advice"), LASTING)
async def test_a_lasting_failure_is_not_retried_and_says_what_to_do(
    runtime, tmp_path, status, kind, said, advice
):
    error = {"type": kind, "message": said}
    async with serving(Reply(status=status, error=error)) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert advice in performance.failure
    assert performance.failure.endswith(f"({status}: {said})")
    assert len(server.requests) == 1
    *asked, kept = kinds(performance.events)
    assert asked == ["UsageSoFar", "NothingUsed"]
    assert kept == "CheckpointReached"  # for a resume


async def test_a_lasting_failure_within_an_answer_is_not_retried(runtime, tmp_path):
    error = {"type": "authentication_error", "message": "revoked"}
    async with serving(Reply("Half of it", fault="error", error=error)) as server:
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert "was refused" in performance.failure
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url", ["localhost:80", "http://", "http://host:port", "ftp://host"]
)
async def test_a_base_url_that_is_none_says_so(runtime, tmp_path, monkeypatch, url):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    performance = Performance(runtime)
    await performance.run(assignment(tmp_path))
    assert performance.failure.startswith("ANTHROPIC_BASE_URL is not an http URL")


async def test_the_end_of_a_plans_limit_is_read_from_the_error_itself(
    runtime, tmp_path
):
    error = {
        "type": "rate_limit_error",
        "message": "limit",
        "resets_in_seconds": 7_200,
    }
    async with serving(Reply(status=429, error=error)):
        performance = Performance(runtime)
        await performance.run(assignment(tmp_path))
    assert performance.parked.seconds == 7_200
