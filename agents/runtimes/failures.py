"""What went wrong with a request to a provider, and whether another try may help."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx2

from agents.runtimes.base import RuntimeFailed
from agents.runtimes.endpoint import Endpoint
from agents.runtimes.wire import TurnFailed

_OVERLOADED = "The provider is overloaded"
_LIMITED = "The provider's rate limit is used up"
_LATE = "The provider took too long"
_FAILED = "The provider failed"

# By the provider's own word for it, which goes before the status: an error in the middle of
# an answer has the status 200.
PASSING_KINDS = {
    "overloaded_error": _OVERLOADED,
    "server_is_overloaded": _OVERLOADED,
    "slow_down": _OVERLOADED,
    "rate_limit_error": _LIMITED,
    "rate_limit_exceeded": _LIMITED,
    "timeout_error": _LATE,
    "api_error": _FAILED,
    "server_error": _FAILED,
}
PASSING_STATUSES = {
    408: _LATE,
    409: "The provider was in conflict with itself",
    429: _LIMITED,
    529: _OVERLOADED,
}
TOO_LONG_KINDS = {
    "request_too_large",
    "exceed_context_size_error",
    "context_length_exceeded",
}
_TOO_LONG_WORDS = ("too long", "context length", "context window", "context size")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


@dataclass(frozen=True)
class Refusal:
    """An error that a provider answered."""

    status: int  # of HTTP
    kind: str  # the provider's word for it
    said: str
    headers: Mapping[str, str] = field(default_factory=dict)


def unreachable(error: Exception, endpoint: Endpoint) -> TurnFailed:
    """Say what happened to a connection; `error` is whatever came instead of an answer."""
    match error:
        case httpx2.TimeoutException():
            return TurnFailed(f"{endpoint.url} did not answer in time")
        case httpx2.ConnectError():
            return TurnFailed(f"Cannot reach {endpoint.url} ({error})")
        case httpx2.HTTPError():
            return TurnFailed("The connection to the provider broke")
    return TurnFailed(f"The answer of {endpoint.url} cannot be read")


def refused(refusal: Refusal, endpoint: Endpoint) -> TurnFailed | RuntimeFailed:
    said = f"({refusal.status}: {refusal.said[:500]})"
    if reason := _passing(refusal):
        return TurnFailed(f"{reason} {said}", retry_after=_wish(refusal.headers))
    return RuntimeFailed(f"{_advice(refusal, endpoint)} {said}")


def _passing(refusal: Refusal) -> str | None:
    # It comes with the status of a rate limit, and no wait helps.
    if refusal.kind == "insufficient_quota":
        return None
    reason = PASSING_KINDS.get(refusal.kind) or PASSING_STATUSES.get(refusal.status)
    return reason or (_FAILED if refusal.status >= 500 else None)


def _advice(refusal: Refusal, endpoint: Endpoint) -> str:
    """Say what is wrong with the request and what to do about it."""
    key, restart = endpoint.key_name, "in the server's environment and restart it."
    match refusal.status, refusal.kind:
        case (401, _) | (_, "authentication_error" | "invalid_api_key"):
            return f"The key in {key} was refused. Set a valid one {restart}"
        case (402, _) | (_, "billing_error" | "insufficient_quota"):
            return (
                f"The account of the key in {key} cannot pay. Top it up, then resume."
            )
        case (403, _) | (_, "permission_error"):
            return f"The key in {key} may not do this. Set one that may {restart}"
        case (404, _) | (_, "not_found_error" | "model_not_found"):
            return endpoint.unknown_model
    said = refusal.said.lower()
    if (
        refusal.status == 413
        or refusal.kind in TOO_LONG_KINDS
        or any(words in said for words in _TOO_LONG_WORDS)
    ):
        return endpoint.too_long
    return (
        "The provider does not accept the request. Start the task afresh, or change it."
    )


# --- When to ask again ------------------------------------------------------------------


def _wish(headers: Mapping[str, str]) -> float | None:
    """Read when the provider takes requests again, in seconds from now."""
    if re.fullmatch(r"\d+(\.\d+)?", milliseconds := headers.get("retry-after-ms", "")):
        return float(milliseconds) / 1_000
    wish = headers.get("retry-after", "")
    if re.fullmatch(r"\d+(\.\d+)?", wish):
        return float(wish)
    try:
        return max(parsedate_to_datetime(wish).timestamp() - time.time(), 0.0)
    except ValueError:
        return _reset_of_what_is_used_up(headers)


def _reset_of_what_is_used_up(headers: Mapping[str, str]) -> float | None:
    """Read the limits themselves: of those with nothing remaining, the last to reset.

    Anthropic: anthropic-ratelimit-tokens-remaining and -reset, a time; OpenAI:
    x-ratelimit-remaining-tokens and x-ratelimit-reset-tokens, such as 6m0s.
    """
    waits = [
        _seconds_until(headers.get(name.replace("remaining", "reset"), ""))
        for name, remaining in headers.items()
        if "ratelimit" in name and "remaining" in name and remaining == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds_until(reset: str) -> float | None:
    if re.fullmatch(r"(\d+(\.\d+)?(ms|[smhd]))+", reset):
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhd])", reset)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        return max(datetime.fromisoformat(reset).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
