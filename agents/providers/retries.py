"""When a request that failed is sent again, and what becomes of the run when it is not."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.conf import settings

from agents.protocol.runtime import Parked, RuntimeFailed
from agents.providers.failures import TurnFailed

A_YEAR = 365 * 86_400.0  # seconds


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

    def choose_delay(self, failure: TurnFailed, failures: int) -> float:
        """Return how long to wait after so many failures, or raise Parked or RuntimeFailed."""
        asked_delay = failure.retry_after or 0.0
        is_long = asked_delay > self.longest_wait
        if is_long or failures >= self.tries or failure.cause.rests_at_once:
            raise self.give_up(failure, failures)
        backoff = min(self.first_delay * 2.0 ** (failures - 1), self.longest_delay)
        # Half of it by chance, so that runs that failed together do not return together.
        return max(asked_delay, backoff * random.uniform(0.5, 1.0))  # noqa: S311

    def give_up(self, failure: TurnFailed, failures: int) -> Parked | RuntimeFailed:
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
