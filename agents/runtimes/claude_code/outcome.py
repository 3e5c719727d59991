"""What a run of the CLI came to. Its own word `success` does not mean success."""

import time

from claude_agent_sdk import ResultMessage

from agents.protocol.events import JSON
from agents.protocol.runtime import AgentKilled, Parked, RuntimeFailed, TurnLimitReached
from agents.providers.anthropic import AnthropicEndpoint
from agents.providers.failures import Refusal, TurnFailed, make_refusal_failure
from agents.providers.retries import RetryPolicy


def find_failure(
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
        return TurnLimitReached(max_turns)
    if reason.startswith("aborted"):
        return AgentKilled("Claude Code was interrupted, and not by us.")
    if failure := _find_provider_failure(result, endpoint, error, opens_at):
        if isinstance(failure, TurnFailed):
            return policy.give_up(failure, policy.tries)
        return failure
    if not result.is_error:
        return None
    message = "; ".join(result.errors or []) or result.result or result.subtype
    return RuntimeFailed(
        f"Claude Code ended with an error: {message}. Resume to try again."
    )


def _find_provider_failure(
    result: ResultMessage,
    endpoint: AnthropicEndpoint,
    error: str,
    opens_at: float | None,
) -> TurnFailed | RuntimeFailed | None:
    """Read what the last request failed of, though the CLI may not call that an error."""
    message, status = result.result or error, result.api_error_status or 0
    if result.stop_reason == "refusal" or result.terminal_reason == "prompt_too_long":
        kind = "refusal" if result.stop_reason == "refusal" else "prompt_too_long"
        return make_status_failure(0, kind, message, endpoint)
    if not error and not (result.is_error and status):
        return None
    failure = make_status_failure(status, error, message, endpoint)
    if isinstance(failure, TurnFailed) and opens_at:
        failure.retry_after = max(opens_at - time.time(), 0.0)
    return failure


def refuse_to_wait(
    retry: JSON, endpoint: AnthropicEndpoint, policy: RetryPolicy
) -> None:
    """Raise Parked or RuntimeFailed where the CLI would try again and we would not.

    It waits out a rate limit of hours in its place, asks an overloaded provider for ever, and
    tries a key that is make_refusal_failure for three minutes.
    """
    status, kind = retry.get("error_status"), retry.get("error") or ""
    if status not in (401, 429, 529):
        return
    failure = make_status_failure(status, kind, kind.replace("_", " "), endpoint)
    if not isinstance(failure, TurnFailed):
        raise failure
    failure.retry_after = (retry.get("retry_delay_ms") or 0) / 1_000
    policy.choose_delay(failure, retry.get("attempt") or 1)


def make_status_failure(
    status: int, kind: str, message: str, endpoint: AnthropicEndpoint
) -> TurnFailed | RuntimeFailed:
    return make_refusal_failure(Refusal(status, kind, message), endpoint)
