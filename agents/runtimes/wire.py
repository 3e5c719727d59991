"""A provider's side of the agent loop: what a turn is, how one fails, when to ask again."""

import random
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Protocol

from django.conf import settings

from agents import events
from agents.events import JSON
from agents.runtimes.base import Parked, RuntimeFailed
from ledger.pricing import Usage

A_YEAR = 365 * 86_400.0  # seconds


class Stop(Enum):
    """Why the model's turn ended."""

    FINISHED = "finished"
    TOOLS = "tools"
    PAUSED = "paused"  # the provider wants the conversation back as it is
    CUT = "cut"
    CONTEXT_FULL = "context full"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RequestedCall:
    call_id: str
    tool_name: str
    tool_input: JSON | None  # None: what the model sent is no JSON object


@dataclass(frozen=True)
class Turn:
    """A whole answer of the model. `items` are what the history keeps of it."""

    request_id: str
    items: list[JSON]
    calls: list[RequestedCall]
    text: str
    thinking: str
    usage: Usage
    stop: Stop


@dataclass(frozen=True)
class Result:
    """What there is to tell the model about a call."""

    call_id: str
    tool_name: str
    output: str
    is_error: bool


class Wire(Protocol):
    """How one provider's requests and answers look."""

    name: str  # of the format of its items: a history is of one format
    notice: str  # what a person should know before the first request; mostly nothing

    def stream_turn(
        self, history: list[JSON]
    ) -> AsyncGenerator[str | events.UsageSoFar | Turn, None]:
        """Yield text as it comes ("" for anything else), and at the end the turn.

        And what it has used so far, where the provider tells that at the start.

        Raise TurnFailed where another try may help, RuntimeFailed where none will.
        """
        ...

    def user_item(self, text: str) -> JSON: ...

    def result_items(self, results: Sequence[Result]) -> list[JSON]: ...


class TurnFailed(Exception):
    """A passing failure. Nothing was done, so the turn can be asked for again."""

    def __init__(
        self,
        reason: str,
        *,
        retry_after: float | None = None,  # seconds; the provider's wish
        spent: events.UsageReported
        | None = None,  # what the provider said it used so far
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.spent = spent


@dataclass(frozen=True)
class RetryPolicy:
    """How often a turn is asked for again, and when. All times are in seconds."""

    tries: int = 5
    first_delay: float = 1.0
    longest_delay: float = 30.0
    longest_wish: float = 120.0  # the longest retry-after that is waited out in place
    longest_park: float = field(  # the longest that the run is parked for
        default_factory=lambda: settings.STAGENT_MAX_PARK_SECONDS
    )
    turn: float = 1_800.0  # the longest that one turn may take

    def delay(self, failure: TurnFailed, failures: int) -> float:
        """Return how long to wait after so many failures, or raise Parked or RuntimeFailed."""
        wish = failure.retry_after or 0.0
        if self.longest_wish < wish <= self.longest_park:
            raise Parked(failure.reason, seconds=wish)
        if wish > self.longest_wish:
            opens_at = datetime.now(UTC) + timedelta(seconds=min(wish, A_YEAR))
            raise RuntimeFailed(
                f"{failure.reason}, until {opens_at:%Y-%m-%d %H:%M} UTC. Resume after that."
            )
        if failures >= self.tries:
            raise RuntimeFailed(
                f"{failure.reason}, {failures} times in a row. Resume later to go on from here."
            )
        backoff = min(self.first_delay * 2.0 ** (failures - 1), self.longest_delay)
        # Half of it by chance, so that runs that failed together do not return together.
        return max(wish, backoff * random.uniform(0.5, 1.0))  # noqa: S311
