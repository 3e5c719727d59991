"""A provider's side of the agent loop: what a turn is, how one fails, when to ask again."""

import random
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Protocol

from django.conf import settings

from agents.protocol import events
from agents.protocol.events import JSON
from agents.protocol.runtime import Parked, RuntimeFailed
from agents.providers import causes
from agents.providers.causes import Cause
from agents.providers.endpoint import Endpoint
from ledger.pricing import Usage

A_YEAR = 365 * 86_400.0  # seconds


class StopReason(Enum):
    """Why the model's turn ended."""

    FINISHED = "finished"
    TOOL_CALLS = "tool calls"
    PAUSED = "paused"  # the provider wants the conversation back as it is
    MAX_TOKENS = "max tokens"
    MODEL_LENGTH = "model length"
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
    stop: StopReason


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

    @property
    def endpoint(self) -> Endpoint: ...

    def stream_turn(
        self, history: list[JSON], *, is_repair: bool = False
    ) -> AsyncGenerator[str | events.UsageSoFar | Turn, None]:
        """Yield text as it comes ("" for other content), and at the end the turn.

        Nothing for what is no content, such as a ping: that is silence.

        And what it has used so far, where the provider tells that at the start.

        `is_repair`: only the result is wanted, as its schema says, and no call of a tool.

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
        cause: Cause = causes.BROKE_OFF,
        retry_after: float | None = None,  # seconds; the provider's asked_delay
        spent: events.UsageReported
        | None = None,  # what the provider said it used so far
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cause = cause
        self.retry_after = retry_after
        self.spent = spent


@dataclass(frozen=True)
class RetryPolicy:
    """How often a turn is asked for again, and when. All times are in seconds."""

    tries: int = 5
    first_delay: float = 1.0
    longest_delay: float = 30.0
    longest_wait: float = 120.0  # the longest retry-after that is waited out in place
    longest_park: float = field(  # the longest that the run is parked for
        default_factory=lambda: settings.STAGENT_MAX_PARK_SECONDS
    )

    def delay(self, failure: TurnFailed, failures: int) -> float:
        """Return how long to wait after so many failures, or raise Parked or RuntimeFailed."""
        asked_delay = failure.retry_after or 0.0
        is_long = asked_delay > self.longest_wait
        if is_long or failures >= self.tries or failure.cause.rests_at_once:
            raise self.end(failure, failures)
        backoff = min(self.first_delay * 2.0 ** (failures - 1), self.longest_delay)
        # Half of it by chance, so that runs that failed together do not return together.
        return max(asked_delay, backoff * random.uniform(0.5, 1.0))  # noqa: S311

    def end(self, failure: TurnFailed, failures: int) -> Parked | RuntimeFailed:
        """Return what becomes of the run when no more is tried: it rests, or it fails."""
        seconds = failure.retry_after or 0.0
        if seconds > self.longest_park:
            opens_at = datetime.now(UTC) + timedelta(seconds=min(seconds, A_YEAR))
            return RuntimeFailed(
                f"{failure.reason}, until {opens_at:%Y-%m-%d %H:%M} UTC. Resume after that."
            )
        if seconds <= self.longest_wait:
            seconds = max(seconds, failure.cause.rest_seconds or 0.0)
        if seconds > self.longest_wait or failure.cause.rest_seconds:
            return Parked(failure.reason, seconds=seconds)
        return RuntimeFailed(
            f"{failure.reason}, {failures} times in a row. {failure.cause.advice}"
        )
