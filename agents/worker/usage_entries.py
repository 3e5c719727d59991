"""What the log says of a request's use, in words and in data."""

from ledger.pricing import Usage, dollars
from tasks.models import EventType, NewEntry
from tasks.payloads.log_entries import make_usage


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
    data = make_usage(
        model=usage.model,
        prompt_tokens=usage.prompt_tokens,
        output_tokens=usage.output_tokens,
        cost_microdollars=cost,
        is_estimated=is_estimated,
    )
    message = ", ".join(parts) + (f"; {end}" if end else "")
    return NewEntry(EventType.USAGE, message, data)
