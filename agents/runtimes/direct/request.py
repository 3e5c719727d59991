"""What the request that is under way uses: estimated, until its provider tells."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TypeVar

from agents.protocol import events
from agents.protocol.events import JSON
from agents.providers import causes
from agents.providers.endpoint import Endpoint
from agents.providers.failures import TurnFailed
from agents.providers.usage import BYTES_PER_TOKEN
from agents.providers.wire import Turn
from agents.tools import ToolSchema
from ledger.pricing import Usage

Step = TypeVar("Step")


class Request:
    """The requests of one run, of which one is under way at a time.

    It is written down before it is sent. Should this process die, or the answer break off,
    before the provider tells what it used, the estimate is what is booked.
    """

    def __init__(self, instructions: str, schemas: Sequence[ToolSchema]) -> None:
        tools = sum(len(json.dumps(asdict(schema))) for schema in schemas)
        self._bytes = len(instructions) + tools
        self._measured = 0  # items of the history
        self._so_far = events.UsageSoFar("", Usage("", ""))
        self._is_answered = False  # at least in part

    def open(self, endpoint: Endpoint, history: list[JSON]) -> events.UsageSoFar:
        """Return what to write down of a request that is about to be sent."""
        new = history[self._measured :]
        self._bytes += sum(len(json.dumps(item)) for item in new)
        self._measured = len(history)
        tokens = self._bytes // BYTES_PER_TOKEN
        usage = Usage(endpoint.provider, endpoint.model, input_tokens=tokens)
        self._is_answered = False
        self._so_far = events.UsageSoFar(str(uuid.uuid4()), usage, is_estimated=True)
        return self._so_far

    def note_reply(self, step: Step) -> Step | events.UsageSoFar:
        """Note that the provider answers; what it tells is of the request under way."""
        self._is_answered = True
        if not isinstance(step, events.UsageSoFar):
            return step
        self._so_far = replace(step, key=self._so_far.key)
        return self._so_far

    def make_usage_event(self, turn: Turn) -> events.UsageReported:
        return events.UsageReported(turn.request_id, turn.usage, self._so_far.key)

    def end_failed(
        self, failure: TurnFailed | None = None
    ) -> events.UsageReported | events.NothingUsed:
        """Return what was used by a request that failed, as far as it is known.

        Where the provider itself says that it failed, and not what it used, that is nothing.
        """
        so_far = self._so_far
        if failure and failure.spent:
            return replace(failure.spent, opened_as=so_far.key)
        is_cut = failure is not None and failure.cause is causes.BROKE_OFF
        if so_far.is_estimated and not (is_cut and self._is_answered):
            return events.NothingUsed(so_far.key)
        return events.UsageReported(
            so_far.key, so_far.usage, is_estimated=so_far.is_estimated
        )
