"""What a run may still spend, checked between its steps and before parallel requests."""

from collections.abc import Sequence
from uuid import UUID

from agents.protocol.events import UsageEvent
from agents.protocol.runtime import RuntimeFailed, Spending
from agents.worker.database import retry_until_written
from agents.worker.recorder import Recorder
from ledger import budgets
from ledger.budgets import BudgetExceeded
from ledger.pricing import Usage, find_price


class BudgetUsedUp(RuntimeFailed):
    """A budget of the run is used up; the message says which, and how to go on."""

    def __init__(self, exceeded: BudgetExceeded) -> None:
        super().__init__(f"{exceeded} Then resume.")
        self.is_to_ask = exceeded.is_to_ask


class RunSpending(Spending):
    """What one run may still spend of its task's budget and of the budgets that it shares."""

    def __init__(self, recorder: Recorder, *, budget_microdollars: int) -> None:
        self._recorder = recorder
        self._limit = budget_microdollars

    def remember_usage(self, event: UsageEvent) -> None:
        self._recorder.remember_usage(event)

    async def has_room(self, in_flight: Sequence[Usage]) -> bool:
        return await retry_until_written(self._has_room, in_flight)

    def require_budget(self) -> None:
        """Raise BudgetUsedUp if the run must stop; call it after each booking."""
        if exceeded := self.find_exceeded():
            raise BudgetUsedUp(exceeded)

    def find_exceeded(self) -> BudgetExceeded | None:
        """Return the budget that lets the run make no further request, if one does."""
        return budgets.find_reason_to_stop(
            self._task_id, run_id=self._run_id, task_limit_microdollars=self._limit
        )

    def _has_room(self, in_flight: Sequence[Usage]) -> bool:
        self.require_budget()
        reserved = budgets.reserved_by(self._task_id, run_id=self._run_id)
        return not in_flight or sum(map(_estimate_cost, in_flight)) < reserved

    @property
    def _task_id(self) -> UUID:
        return self._recorder.task_id

    @property
    def _run_id(self) -> UUID:
        return self._recorder.run_id


def _estimate_cost(usage: Usage) -> int:
    price = find_price(usage)
    return price.cost(usage) if price else 0  # without a price, no budget counts it
