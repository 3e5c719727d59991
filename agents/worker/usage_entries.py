"""What the log says of a request's use, in words and in data."""

from typing import Any

from ledger.pricing import Usage, dollars
from tasks.models import EventType, NewEntry


def make_usage_entry(
    usage: Usage,
    cost: int | None,
    *,
    is_estimated: bool,
    is_whole: bool = True,
    end: str = "",
) -> NewEntry:
    """Return the log entry of a request. `end`: how it ended, if not as they all do."""
    about = "about " if is_estimated else ""
    parts = [f"{usage.model}: {about}{usage.prompt_tokens:,} tokens in"]
    if is_whole and not is_estimated:
        parts.append(f"{usage.output_tokens:,} out")
    parts.append("price unknown" if cost is None else f"{about}${dollars(cost)}")
    if is_estimated:
        end = f"estimated, without the output: {end or 'the answer broke off'}"
    data: dict[str, Any] = {
        "modelId": usage.model,
        "inputTokens": usage.prompt_tokens,
        "outputTokens": usage.output_tokens,
        "costMicros": cost,
    }
    if is_estimated:
        data["isEstimated"] = True
    message = ", ".join(parts) + (f"; {end}" if end else "")
    return NewEntry(EventType.USAGE, message, data)
