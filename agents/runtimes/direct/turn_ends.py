"""How a turn of the model ended, and what that means for the run."""

from agents.protocol.runtime import RuntimeFailed
from agents.providers import causes
from agents.providers.causes import Cause
from agents.providers.failures import TurnFailed, make_failure
from agents.providers.wire import StopReason, Turn


def is_last(turn: Turn) -> bool:
    """Tell whether the agent is done with this turn."""
    return not turn.calls and turn.stop is not StopReason.PAUSED


def find_failure(turn: Turn) -> TurnFailed | RuntimeFailed | None:
    """Return what the run fails of if the turn cannot be kept; mostly None.

    A resume then asks for the turn again.
    """
    cause = _find_cause(turn)
    return make_failure(cause, None, _describe_failure(turn)) if cause else None


def _find_cause(turn: Turn) -> Cause | None:
    if turn.stop is StopReason.REFUSED:
        return causes.REFUSED
    if not is_last(turn):
        return None
    if turn.stop is StopReason.MAX_TOKENS:
        return causes.CUT
    if turn.stop is StopReason.MODEL_LENGTH:
        return causes.CONTEXT_FULL
    return (
        causes.find_cause_of_silence(turn.thinking)
        if causes.is_blank(turn.text)
        else None
    )


def _describe_failure(turn: Turn) -> str:
    if turn.stop is StopReason.REFUSED:
        return turn.text.strip()[:500]
    return f"{turn.usage.output_tokens:,} tokens"


def describe(turn: Turn) -> str:
    """Return what a person should know of how the turn ended; mostly nothing."""
    match turn.stop:
        case StopReason.MAX_TOKENS:
            notice = f"The answer was cut at {turn.usage.output_tokens:,} tokens"
        case StopReason.MODEL_LENGTH:
            notice = "The answer was cut: the model's context is full"
        case StopReason.UNKNOWN:
            notice = "The model stopped for a reason that is not known here"
        case StopReason.FINISHED if turn.calls:
            notice = "The model ended its turn without waiting for the tools it called"
        case _:
            return ""
    return f"{notice}; its tool calls were not run." if turn.calls else f"{notice}."
