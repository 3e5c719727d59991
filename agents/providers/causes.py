"""Why a run does not go on: for each cause what is said, what to do, and whether time helps.

The one table of all runtimes. A provider's word, an agent's word and a status of HTTP each
lead to a row of it, so the same failure reads and ends the same wherever it comes from.
`{0}` in a text is the endpoint.
"""

from dataclasses import dataclass

from tasks.rules.visible_text import is_plain


@dataclass(frozen=True)
class Cause:
    """One reason why a run does not go on, as people read it: a sentence and advice."""

    sentence: str
    advice: str
    passes: bool = False  # the same request may be answered later
    # How long a run rests where nobody says until when, once its tries are used up; None:
    # it fails then. `rests_at_once`: more tries in place are of no use.
    rest_seconds: float | None = None
    rests_at_once: bool = False


# --- What a person must mend -------------------------------------------------------------

BAD_KEY = Cause(
    "The key in {0.key_name} was refused.",
    "Set a valid one in the server's environment and restart it.",
)
NO_MONEY = Cause(
    "The account of the key in {0.key_name} cannot pay.", "Top it up, then resume."
)
FORBIDDEN = Cause(
    "The key in {0.key_name} may not do this.",
    "Set one that may in the server's environment and restart it.",
)
UNKNOWN_MODEL = Cause("{0.unknown_model_message}", "")
TOO_LONG = Cause("{0.too_long_message}", "")
NOT_ACCEPTED = Cause(
    "The provider does not accept the request.", "Start the task afresh, or change it."
)

# --- What the model made of its turn -----------------------------------------------------

REFUSED = Cause(
    "The model refuses to go on with this task.",
    "Word it differently, or use another model, then resume or start it afresh.",
)
CUT = Cause(
    "The model's answer was cut at its output limit.",
    "Ask for less at once, then resume.",
)
CONTEXT_FULL = Cause(
    "The model's answer was cut: its context is full.",
    "Start the task afresh with less.",
)
EMPTY = Cause("The model's answer is empty.", "Resume to ask again.")
ONLY_THOUGHT = Cause(
    "The model thought, and then said nothing.", "Resume to ask again."
)

SILENT = Cause("The provider has sent nothing.", "Resume to try again.")

# --- This machine ------------------------------------------------------------------------

BROKEN_SANDBOX = Cause(
    "No command could be run: the sandbox of this machine is broken.",
    "`manage.py check` tells what it lacks; mend it, then resume.",
)

# --- What passes -------------------------------------------------------------------------

_LATER = "Resume later to go on from here."

OVERLOADED = Cause("The provider is overloaded", _LATER, passes=True)
FAILED = Cause("The provider failed", _LATER, passes=True)
LATE = Cause("The provider took too long", _LATER, passes=True)
CONFLICT = Cause("The provider was in conflict with itself", _LATER, passes=True)
BROKE_OFF = Cause("The connection to {0.url} broke", _LATER, passes=True)
RATE_LIMITED = Cause(
    "The provider's rate limit is used up", _LATER, passes=True, rest_seconds=60
)
USAGE_LIMITED = Cause(
    "The usage limit of the account's plan is reached",
    _LATER,
    passes=True,
    rest_seconds=900,
    rests_at_once=True,
)

# --- What leads to them ------------------------------------------------------------------

# The words of providers, and of the agents for what providers answered them. They go before
# the status: an error in the middle of an answer has the status 200.
KINDS = {
    "authentication_error": BAD_KEY,
    "authentication_failed": BAD_KEY,
    "invalid_api_key": BAD_KEY,
    "unauthorized": BAD_KEY,
    "billing_error": NO_MONEY,
    "insufficient_quota": NO_MONEY,
    "permission_error": FORBIDDEN,
    "not_found_error": UNKNOWN_MODEL,
    "model_not_found": UNKNOWN_MODEL,
    "request_too_large": TOO_LONG,
    "exceed_context_size_error": TOO_LONG,
    "context_length_exceeded": TOO_LONG,
    "contextWindowExceeded": TOO_LONG,
    "prompt_too_long": TOO_LONG,
    "refusal": REFUSED,
    "content_filter": REFUSED,
    "cyber_policy": REFUSED,
    "cyberPolicy": REFUSED,
    "misalignment": REFUSED,
    "max_output_tokens": CUT,
    "overloaded": OVERLOADED,
    "overloaded_error": OVERLOADED,
    "server_is_overloaded": OVERLOADED,
    "serverOverloaded": OVERLOADED,
    "slow_down": OVERLOADED,
    "rate_limit": RATE_LIMITED,
    "rate_limit_error": RATE_LIMITED,
    "rate_limit_exceeded": RATE_LIMITED,
    "rateLimitExceeded": RATE_LIMITED,
    "usage_limit_reached": USAGE_LIMITED,
    "usageLimitExceeded": USAGE_LIMITED,
    "timeout_error": LATE,
    "api_error": FAILED,
    "server_error": FAILED,
    "internalServerError": FAILED,
}
STATUSES = {
    401: BAD_KEY,
    402: NO_MONEY,
    403: FORBIDDEN,
    404: UNKNOWN_MODEL,
    408: LATE,
    409: CONFLICT,
    413: TOO_LONG,
    429: RATE_LIMITED,
    529: OVERLOADED,
}
# What is only said, under a kind or status that means anything.
PHRASES = {
    "credit balance is too low": NO_MONEY,
    "quota exceeded": NO_MONEY,
    "usage limit": USAGE_LIMITED,
    "rate limit": RATE_LIMITED,
    "too long": TOO_LONG,
    "context length": TOO_LONG,
    "context window": TOO_LONG,
    "context size": TOO_LONG,
}


def find_cause(status: int, kind: str, text: str) -> Cause:
    """Find what an error means: by its kind, else its status, else what it says."""
    known = KINDS.get(kind) or STATUSES.get(status)
    if known or status >= 500:
        return known or FAILED
    is_refused = status >= 400 or kind.startswith("invalid_request")
    return find_cause_in_text(text) or (NOT_ACCEPTED if is_refused else FAILED)


def find_cause_in_text(text: str) -> Cause | None:
    text = text.lower()
    return next((cause for words, cause in PHRASES.items() if words in text), None)


def is_blank(text: str) -> bool:
    """Tell whether a person sees nothing of `text`."""
    return all(char.isspace() or not is_plain(char) for char in text)


def find_cause_of_silence(thinking: str) -> Cause:
    """Say what became of an answer without any text or call."""
    return EMPTY if is_blank(thinking) else ONLY_THOUGHT
