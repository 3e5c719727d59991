"""What the CLI calls a success is held against what its last request failed of."""

import time

import pytest
from claude_agent_sdk import ResultMessage

from agents.protocol.runtime import Parked, RuntimeFailed
from agents.providers.anthropic import AnthropicEndpoint
from agents.providers.retries import RetryPolicy
from agents.runtimes.claude_code.outcome import find_failure

ENDPOINT = AnthropicEndpoint("http://localhost", "claude-sonnet-5-5", api_key="key")


def outcome(*, error="", opens_at=None, **changes):
    given = {
        "subtype": "success",
        "duration_ms": 1,
        "duration_api_ms": 1,
        "is_error": False,
        "num_turns": 1,
        "session_id": "s",
        "result": "Some text.",
    }
    return find_failure(
        ResultMessage(**given | changes),
        ENDPOINT,
        max_turns=10,
        error=error,
        opens_at=opens_at,
        policy=RetryPolicy(),
    )


def test_a_result_without_an_error_is_one():
    assert outcome() is None


def test_a_rate_limit_that_the_cli_calls_no_error_rests_the_run():
    failure = outcome(error="rate_limit", opens_at=time.time() + 3_600)
    assert isinstance(failure, Parked)
    assert failure.seconds == pytest.approx(3_600, abs=60)


@pytest.mark.parametrize(
    ("error", "changes", "words"),
    [
        ("max_output_tokens", {"is_error": True}, "was cut at its output limit"),
        ("invalid_request", {"is_error": True, "stop_reason": "refusal"}, "refuses"),
        ("", {"stop_reason": "refusal"}, "refuses"),
        ("billing_error", {}, "cannot pay"),
        ("authentication_failed", {"is_error": True}, "was refused"),
        (
            "model_not_found",
            {"api_error_status": 404, "is_error": True},
            "does not know",
        ),
        ("", {"is_error": True, "terminal_reason": "prompt_too_long"}, "is too long"),
        ("invalid_request", {"is_error": True}, "does not accept the request"),
        ("unknown", {"is_error": True}, "The provider failed"),
        ("overloaded", {"is_error": True}, "The provider is overloaded"),
    ],
)
def test_each_failure_is_what_it_is_on_the_other_runtimes(error, changes, words):
    failure = outcome(error=error, **changes)
    assert isinstance(failure, RuntimeFailed)
    assert words in str(failure)
