"""Totals: what several requests used and cost together."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Totals:
    """Sums over entries, less what was corrected."""

    input_tokens: int  # of the whole prompt: the next four together
    uncached_input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    cost_microdollars: (
        int | None
    )  # of the requests whose cost is known; None: of none is
    requests: int
    unpriced_requests: int
    last_model: str = ""  # of a task; days do not keep it
