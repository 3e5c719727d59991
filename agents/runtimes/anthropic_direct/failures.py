"""What went wrong with a request, and whether another try may help."""

import re
import time
from email.utils import parsedate_to_datetime

import anthropic
import httpx2

from agents import embedded
from agents.runtimes.anthropic_direct.endpoint import Endpoint
from agents.runtimes.base import RuntimeFailed
from agents.runtimes.wire import TurnFailed

PASSING_TYPES = {
    "overloaded_error": "The provider is overloaded",
    "rate_limit_error": "The provider's rate limit is used up",
    "timeout_error": "The provider took too long",
    "api_error": "The provider failed",
}
PASSING_STATUSES = {
    408: "The provider took too long",
    409: "The provider was in conflict with itself",
    429: "The provider's rate limit is used up",
    529: "The provider is overloaded",
}


def as_failure(error: Exception, endpoint: Endpoint) -> TurnFailed | RuntimeFailed:
    """Say what went wrong and whether another try may help."""
    match error:
        case anthropic.APIStatusError():
            return _status_failure(error, endpoint)
        case anthropic.APITimeoutError() | httpx2.TimeoutException():
            return TurnFailed(f"{endpoint.url} did not answer in time")
        case anthropic.APIConnectionError():
            return TurnFailed(
                f"Cannot reach {endpoint.url} ({error.__cause__ or error})"
            )
        case httpx2.HTTPError():
            return TurnFailed("The connection to the provider broke")
    return TurnFailed(f"The answer of {endpoint.url} cannot be read")


def _status_failure(
    error: anthropic.APIStatusError, endpoint: Endpoint
) -> TurnFailed | RuntimeFailed:
    said = f"({error.status_code}: {(error.api_message or error.message)[:500]})"
    # The type first: an error in the middle of an answer has the status 200.
    reason = PASSING_TYPES.get(error.type or "") or PASSING_STATUSES.get(
        error.status_code
    )
    if reason is None and error.status_code >= 500:
        reason = "The provider failed"
    if reason:
        return TurnFailed(
            f"{reason} {said}", retry_after=_retry_after(error.response.headers)
        )
    return RuntimeFailed(f"{_advice(error, endpoint)} {said}")


def _advice(error: anthropic.APIStatusError, endpoint: Endpoint) -> str:
    """Say what is wrong with the request and what to do about it."""
    key, restart = endpoint.key_name, "in the server's environment and restart it."
    match error.status_code, error.type:
        case (401, _) | (_, "authentication_error"):
            return f"The key in {key} was refused. Set a valid one {restart}"
        case (402, _) | (_, "billing_error"):
            return (
                f"The account of the key in {key} cannot pay. Top it up, then resume."
            )
        case (403, _) | (_, "permission_error"):
            return f"The key in {key} may not do this. Set one that may {restart}"
        case (404, _) | (_, "not_found_error"):
            return (
                f"{endpoint.url} does not know the model {endpoint.model}, or is no Messages"
                f" API. Correct ANTHROPIC_MODEL or ANTHROPIC_BASE_URL {restart}"
            )
        case (413, _) | (_, "request_too_large" | "exceed_context_size_error"):
            return _too_long(endpoint)
    if "too long" in error.message or "context" in error.message:
        return _too_long(endpoint)
    return (
        "The provider does not accept the request. Start the task afresh, or change it."
    )


def _too_long(endpoint: Endpoint) -> str:
    if endpoint.is_embedded:
        return (
            f"This is too long for the embedded model, which reads {embedded.CONTEXT_TOKENS:,}"
            " tokens at most. Set ANTHROPIC_API_KEY for a real one, or ask for less."
        )
    return f"The conversation is too long for {endpoint.model}. Start the task afresh with less."


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Read the provider's wish, in seconds."""
    if re.fullmatch(r"\d+(\.\d+)?", milliseconds := headers.get("retry-after-ms", "")):
        return float(milliseconds) / 1_000
    wish = headers.get("retry-after", "")
    if re.fullmatch(r"\d+(\.\d+)?", wish):
        return float(wish)
    try:
        return max(parsedate_to_datetime(wish).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
