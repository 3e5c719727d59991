"""What went wrong with a request to a provider, and whether another try may help."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx2

from agents.protocol.events import JSON, UsageReported
from agents.protocol.runtime import RuntimeFailed
from agents.providers import causes
from agents.providers.causes import Cause, find_cause
from agents.providers.endpoint import Endpoint

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


class TurnFailed(Exception):
    """A passing failure. Nothing was done, so the turn can be asked for again.

    `retry_after`: the seconds that the provider asks to wait; `spent`: what it said that the
    request had used so far.
    """

    def __init__(
        self,
        reason: str,
        *,
        cause: Cause = causes.BROKE_OFF,
        retry_after: float | None = None,
        spent: UsageReported | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cause = cause
        self.retry_after = retry_after
        self.spent = spent


@dataclass(frozen=True)
class Refusal:
    """An error that a provider answered."""

    status: int  # of HTTP
    kind: str  # the provider's word for it
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    facts: JSON = field(default_factory=dict)  # the error's own fields


def make_connection_failure(error: Exception, endpoint: Endpoint) -> TurnFailed:
    """Say what happened to a connection; `error` is whatever came instead of an answer."""
    match error:
        case httpx2.TimeoutException():
            return TurnFailed(f"{endpoint.url} did not answer in time")
        case httpx2.ConnectError():
            return TurnFailed(f"Cannot reach {endpoint.url} ({error})")
        case httpx2.HTTPError():
            return TurnFailed("The connection to the provider broke")
    return TurnFailed(f"The answer of {endpoint.url} cannot be read")


def make_refusal_failure(
    refusal: Refusal, endpoint: Endpoint
) -> TurnFailed | RuntimeFailed:
    cause = find_cause(refusal.status, refusal.kind, refusal.message)
    # An error in the middle of an answer has the status of one that is none.
    status = f"{refusal.status}: " if refusal.status >= 400 else ""
    detail = f"{status}{refusal.message[:500]}"
    return make_failure(cause, endpoint, detail, retry_after=_read_retry_after(refusal))


def make_failure(
    cause: Cause,
    endpoint: Endpoint | None,
    detail: str = "",
    *,
    retry_after: float | None = None,
) -> TurnFailed | RuntimeFailed:
    """Word a failure: what it is, what to do where time alone does not help, and the detail."""
    reason = cause.sentence.format(endpoint)
    aside = f" ({detail})" if detail else ""
    if cause.passes:
        return TurnFailed(f"{reason}{aside}", cause=cause, retry_after=retry_after)
    return RuntimeFailed(f"{reason} {cause.advice}".strip() + aside)


# --- When to ask again ------------------------------------------------------------------


def _read_retry_after(refusal: Refusal) -> float | None:
    """Read when the provider takes requests again, in seconds from now."""
    headers = refusal.headers
    if (seconds := _read_plan_reset(refusal.facts)) is not None:
        return seconds
    if re.fullmatch(r"\d+(\.\d+)?", milliseconds := headers.get("retry-after-ms", "")):
        return float(milliseconds) / 1_000
    asked_delay = headers.get("retry-after", "")
    if re.fullmatch(r"\d+(\.\d+)?", asked_delay):
        return float(asked_delay)
    try:
        return max(parsedate_to_datetime(asked_delay).timestamp() - time.time(), 0.0)
    except ValueError:
        return _find_last_reset(headers)


def _read_plan_reset(facts: JSON) -> float | None:
    """Read the end of a plan's usage limit, which stands in the error itself."""
    if isinstance(seconds := facts.get("resets_in_seconds"), int | float):
        return max(float(seconds), 0.0)
    if isinstance(moment := facts.get("resets_at"), int | float):
        return max(float(moment) - time.time(), 0.0)
    return None


def _find_last_reset(headers: Mapping[str, str]) -> float | None:
    """Read the limits themselves: of those with nothing remaining, the last to reset.

    Anthropic: anthropic-ratelimit-tokens-remaining and -reset, a time; OpenAI:
    x-ratelimit-remaining-tokens and x-ratelimit-reset-tokens, such as 6m0s.
    """
    waits = [
        _parse_reset(headers.get(name.replace("remaining", "reset"), ""))
        for name, remaining in headers.items()
        if "ratelimit" in name and "remaining" in name and remaining == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _parse_reset(reset: str) -> float | None:
    if re.fullmatch(r"(\d+(\.\d+)?(ms|[smhd]))+", reset):
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhd])", reset)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        return max(datetime.fromisoformat(reset).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
