"""What Codex says went wrong with a request, as what it means for the run."""

import re
from datetime import datetime

from agents.protocol.events import JSON
from agents.protocol.runtime import AgentKilled, RuntimeFailed
from agents.providers import causes
from agents.providers.causes import find_cause, find_cause_in_text
from agents.providers.failures import TurnFailed, make_failure
from agents.providers.openai import OpenAIEndpoint
from agents.providers.retries import RetryPolicy

# For how long a limit holds Codex tells in its sentence only, if at all: "try again in
# 1.5s", "try again at 7:05 AM", "try again at Nov 30th, 2026 12:53 AM", of the local time.
_DELAY = re.compile(r"[Tt]ry again in (\d+(?:\.\d+)?)(ms|s|m|h)\b")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0}
_MOMENT = re.compile(
    r"[Tt]ry again at (?:(\w{3}) (\d{1,2})\w\w, (\d{4}) )?(\d{1,2}:\d\d [AP]M)"
)
_INCOMPLETE = re.compile(r"Incomplete response returned, reason: (\w+)")


class TurnFailures:
    """The turns of a run that failed one after another, and when to take the next."""

    def __init__(self, policy: RetryPolicy, endpoint: OpenAIEndpoint) -> None:
        self._policy = policy
        self._endpoint = endpoint
        self._count = 0

    def reset(self) -> None:
        """Count anew: a request was answered."""
        self._count = 0

    def choose_delay(self, error: JSON) -> tuple[float, str]:
        """Return the seconds until the next turn and the reason, or raise what ends the run."""
        if not error:
            raise AgentKilled("Codex was interrupted, and not by us.")
        failure = read_failure(error, self._endpoint)
        if not isinstance(failure, TurnFailed):
            raise failure
        self._count += 1
        return self._policy.choose_delay(failure, self._count), failure.reason


def read_failure(error: JSON, endpoint: OpenAIEndpoint) -> TurnFailed | RuntimeFailed:
    text = str(error.get("message") or "")
    kind, status = _read_kind(error.get("codexErrorInfo"))
    if kind in {"", "other"} and not status:
        kind, status = _read_kind_from_text(text)
    if kind == "usageLimitExceeded" and find_cause_in_text(text) is causes.NO_MONEY:
        kind = "insufficient_quota"  # Codex has one word for both
    is_known = kind in causes.KINDS or status
    cause = find_cause(status, kind, text) if is_known else find_cause_in_text(text)
    detail = f"{status}: {text[:500]}" if status else text[:500]
    return make_failure(
        cause or causes.BROKE_OFF, endpoint, detail, retry_after=_read_retry_after(text)
    )


def _read_kind(info: object) -> tuple[str, int]:
    """Read a word, or an object of one that may hold the status of HTTP."""
    if isinstance(info, dict) and len(info) == 1:
        [(kind, facts)] = info.items()
        status = facts.get("httpStatusCode") if isinstance(facts, dict) else None
        return str(kind), status or 0
    return str(info or ""), 0


def _read_kind_from_text(text: str) -> tuple[str, int]:
    """Read what has no word of its own from the sentence."""
    if incomplete := _INCOMPLETE.search(text):
        return incomplete[1], 0
    if text.lstrip().startswith("{"):  # the body of a 400
        found = re.search(r'"(?:code|type)":\s*"(\w+)"', text)
        return found[1] if found else "", 400
    return "", 0


def _read_retry_after(text: str) -> float | None:
    if asked_delay := _DELAY.search(text):
        return float(asked_delay[1]) * _UNITS[asked_delay[2]]
    if moment := _MOMENT.search(text):
        return _parse_moment(*moment.groups())
    return None


def _parse_moment(month: str | None, day: str, year: str, clock: str) -> float | None:
    now = datetime.now().astimezone()
    date = f"{month} {day} {year}" if month else f"{now:%b %d %Y}"
    try:
        moment = datetime.strptime(f"{date} {clock}", "%b %d %Y %I:%M %p").astimezone()
    except ValueError:
        return None
    # It leaves the seconds out.
    return max((moment - now).total_seconds(), 0.0) + 60.0
