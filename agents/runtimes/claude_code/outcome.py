"""What a run of the CLI came to. Its own word `success` does not mean success."""

import time

from claude_agent_sdk import ResultMessage

from agents.events import JSON
from agents.runtimes.anthropic_direct.endpoint import AnthropicEndpoint
from agents.runtimes.base import Parked, RuntimeFailed
from agents.runtimes.failures import Refusal, refused
from agents.runtimes.wire import RetryPolicy, TurnFailed

# The CLI's words for what the API answered.
KINDS = {
    "authentication_failed": "authentication_error",
    "billing_error": "billing_error",
    "model_not_found": "not_found_error",
    "overloaded": "overloaded_error",
    "rate_limit": "rate_limit_error",
}


def failure_of(
    result: ResultMessage,
    endpoint: AnthropicEndpoint,
    *,
    max_turns: int,
    error: str,
    opens_at: float | None,
    policy: RetryPolicy,
) -> Parked | RuntimeFailed | None:
    """Return what the run failed of, None where it did not."""
    reason = result.terminal_reason or ""
    if reason == "max_turns" or result.subtype == "error_max_turns":
        return RuntimeFailed(
            f"The turn limit of {max_turns} is reached. Resume for as many more."
        )
    if not result.is_error:
        return None
    if reason.startswith("aborted"):
        return RuntimeFailed("The agent was interrupted. Resume to go on from here.")
    if reason == "prompt_too_long":
        return RuntimeFailed(endpoint.too_long)
    if result.api_error_status or error:
        return _of_provider(result, endpoint, error, opens_at, policy)
    said = "; ".join(result.errors or []) or result.result or result.subtype
    return RuntimeFailed(
        f"Claude Code ended with an error: {said}. Resume to try again."
    )


def _of_provider(
    result: ResultMessage,
    endpoint: AnthropicEndpoint,
    error: str,
    opens_at: float | None,
    policy: RetryPolicy,
) -> Parked | RuntimeFailed:
    failure = of_status(
        result.api_error_status or 0, error, result.result or error, endpoint
    )
    if not isinstance(failure, TurnFailed):
        return failure
    wait = max(opens_at - time.time(), 0.0) if opens_at else None
    if wait is not None and wait <= policy.longest_park:
        return Parked(failure.reason, seconds=wait)
    return RuntimeFailed(f"{failure.reason}. Resume later to go on from here.")


def refuse_to_wait(
    retry: JSON, endpoint: AnthropicEndpoint, policy: RetryPolicy
) -> None:
    """Raise Parked or RuntimeFailed where the CLI would try again and we would not.

    It waits out a rate limit of hours in its place, asks an overloaded provider for ever, and
    tries a key that is refused for three minutes.
    """
    status, kind = retry.get("error_status"), retry.get("error") or ""
    if status not in (401, 429, 529):
        return
    failure = of_status(status, kind, kind.replace("_", " "), endpoint)
    if not isinstance(failure, TurnFailed):
        raise failure
    failure.retry_after = (retry.get("retry_delay_ms") or 0) / 1_000
    policy.delay(failure, retry.get("attempt") or 1)


def of_status(
    status: int, kind: str, said: str, endpoint: AnthropicEndpoint
) -> TurnFailed | RuntimeFailed:
    return refused(Refusal(status, KINDS.get(kind, kind), said), endpoint)
