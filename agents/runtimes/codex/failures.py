"""What Codex says went wrong with a request, as what it means for the run."""

import re

from agents.events import JSON
from agents.runtimes import failures
from agents.runtimes.base import Parked, RuntimeFailed
from agents.runtimes.openai_endpoint import OpenAIEndpoint
from agents.runtimes.wire import TurnFailed

# Codex does not pass on for how long a limit holds, if the provider says it in a header.
UNKNOWN_LIMIT_SECONDS = 60.0
# Codex's words, as the provider's own for the same.
_KINDS = {
    "usageLimitExceeded": (429, "insufficient_quota"),
    "rateLimitExceeded": (429, "rate_limit_exceeded"),
    "serverOverloaded": (503, "server_is_overloaded"),
    "internalServerError": (500, "server_error"),
    "contextWindowExceeded": (400, "context_length_exceeded"),
    "unauthorized": (401, "invalid_api_key"),
}
_REFUSED = {"cyberPolicy", "misalignment"}
_WISH = re.compile(r"try again in (\d+(?:\.\d+)?)(ms|s|m|h)\b")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0}


def failure_of(
    error: JSON, endpoint: OpenAIEndpoint
) -> TurnFailed | RuntimeFailed | Parked:
    said = str(error.get("message") or "")
    kind, status = _kind(error.get("codexErrorInfo"))
    if kind in _REFUSED:
        return RuntimeFailed(
            f"The provider refuses to go on with this task ({said[:500]}). Word it"
            " differently, then start it afresh."
        )
    if kind in _KINDS:
        status, kind = _KINDS[kind]
    elif not status:
        return _unclear(said, endpoint)
    failure = failures.refused(failures.Refusal(status, kind, said), endpoint)
    if status == 429 and isinstance(failure, TurnFailed):
        return _limited(failure, said)
    return failure


def _kind(info: object) -> tuple[str, int]:
    """Read a word, or an object of one that may hold the status of HTTP."""
    if isinstance(info, dict) and len(info) == 1:
        [(kind, facts)] = info.items()
        status = facts.get("httpStatusCode") if isinstance(facts, dict) else None
        return str(kind), status or 0
    return str(info or ""), 0


def _unclear(
    said: str, endpoint: OpenAIEndpoint
) -> TurnFailed | RuntimeFailed | Parked:
    if "rate limit" in said.lower():
        return _limited(TurnFailed("The provider's rate limit is used up"), said)
    if said.startswith("Incomplete response"):
        return RuntimeFailed(
            f"The model's answer was cut ({said[:500]}). Ask for less at once, then resume."
        )
    if said.lstrip().startswith("{"):  # the body of a 400
        return failures.refused(failures.Refusal(400, _code_in(said), said), endpoint)
    return TurnFailed(f"The connection to {endpoint.url} broke ({said[:500]})")


def _limited(failure: TurnFailed, said: str) -> TurnFailed | Parked:
    if wish := _WISH.search(said):
        failure.retry_after = float(wish[1]) * _UNITS[wish[2]]
        return failure
    return Parked(failure.reason, seconds=UNKNOWN_LIMIT_SECONDS)


def _code_in(body: str) -> str:
    found = re.search(r'"(?:code|type)":\s*"(\w+)"', body)
    return found[1] if found else ""
