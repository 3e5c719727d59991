"""Spend limits: may a task start, and may it go on?

What is spent and what is reserved never exceed a budget together, so tasks that start
in parallel cannot overspend it; a run oversteps by one request at most, whose cost is
known only afterwards.
"""

import math
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from ledger.models import Budget, LedgerEntry, Period, Reservation
from ledger.prepared import Prepared, PreparedDelete
from ledger.pricing import dollars


class BudgetExceeded(Exception):
    """There is no money left. The message is for people."""

    def __init__(self, message: str, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_seconds = retry_after_seconds


def reserve(
    *,
    task_id: UUID,
    run_id: UUID,
    runtime: str,
    project_id: str | None,
    task_limit_microdollars: int,
) -> int:
    """Set aside what this task may still spend, in the caller's transaction.

    Return it in microdollars, or raise BudgetExceeded.
    """
    remaining = task_limit_microdollars - _spent_by(task_id)
    if remaining <= 0:
        raise BudgetExceeded(
            f"This task has used up its own budget of {dollars(task_limit_microdollars)} USD:"
            " raise maxBudgetUsd to go on."
        )
    applying: dict[str, Any] = {"runtime": runtime, "project_id": project_id or ""}
    # Only for its locks. What was committed while we waited for them is seen by the next
    # statement, which reads spend and reservations at one moment: a booking moves money
    # from one to the other.
    has_budgets = list(_lock_query.rows(**applying))
    left = _amounts_left(**applying, except_task=task_id) if has_budgets else []
    amount = min([remaining, *left])
    reservation = Reservation(
        task_id=task_id,
        run_id=run_id,
        runtime=runtime,
        project_id=project_id or "",
        amount_microdollars=amount,
    )
    Reservation.objects.put(reservation)
    return amount


def release(task_id: UUID) -> None:
    """Give back what the task has reserved: its run is over."""
    _release(task_id=task_id)


def is_used_up(task_id: UUID, *, run_id: UUID, task_limit_microdollars: int) -> bool:
    """Tell if the task's run must stop. Ask after each booking.

    Where its reservation is used up and its budgets have room again, reserve more.
    """
    if _spent_by(task_id) >= task_limit_microdollars:
        return True
    reservation = Reservation.objects.filter(task_id=task_id, run_id=run_id).first()
    if reservation is None:  # the run was ended meanwhile, as it will notice
        return False
    if reservation.amount_microdollars == 0:
        return not _can_reserve_again(reservation, task_limit_microdollars)
    # Where there is something left, only a limit that was lowered since can stop it.
    used_up = _used_up_query.first(
        runtime=reservation.runtime,
        project_id=reservation.project_id,
        **Period.windows(timezone.now()),
    )
    return used_up is not None


# Compiled once: each start and each turn of each run asks.
_spent_query = Prepared(
    lambda task_id: (
        LedgerEntry.objects.for_task(task_id)
        .order_by()
        .values("task_id")
        .annotate(spent=Sum("cost_microdollars"))
        .values_list("spent")
    ),
    task_id=UUID,
)
_lock_query = Prepared(
    lambda runtime, project_id: (
        Budget.objects.applying_to(runtime=runtime, project_id=project_id)
        .select_for_update()
        .order_by("pk")
        .values_list("pk")
    ),
    runtime=str,
    project_id=str,
)
_release = PreparedDelete(
    lambda task_id: Reservation.objects.filter(task_id=task_id), task_id=UUID
)
_used_up_query = Prepared(
    lambda runtime, project_id, daily, monthly: (
        Budget.objects.applying_to(runtime=runtime, project_id=project_id)
        .with_spent_since({Period.DAILY: daily, Period.MONTHLY: monthly})
        .filter(spent_microdollars__gte=F("limit_microdollars"))  # type: ignore[misc]
        .order_by()
        .values_list("pk")
    ),
    runtime=str,
    project_id=str,  # "" for none: no budget is for that
    daily=date,
    monthly=date,
)


def _spent_by(task_id: UUID) -> int:
    (spent,) = _spent_query.first(task_id=task_id) or (0,)
    return int(spent or 0)  # none where no cost is known


def _amounts_left(*, runtime: str, project_id: str, except_task: UUID) -> list[int]:
    """Return what each budget has left, or raise BudgetExceeded for the last to reset."""
    budgets = Budget.objects.applying_to(runtime=runtime, project_id=project_id)
    now = timezone.now()
    all_left = list(budgets.with_spent(now=now).with_reserved(except_task=except_task))
    used_up = [budget for budget in all_left if budget.left_microdollars <= 0]
    if used_up:
        raise _exceeded(max(used_up, key=lambda budget: budget.resets_at(now)), now)
    return [budget.left_microdollars for budget in all_left]


def _exceeded(budget: Budget, now: datetime) -> BudgetExceeded:
    resets_at = budget.resets_at(now)
    return BudgetExceeded(
        f"The {budget} is used up ({dollars(budget.spent_microdollars)} USD spent,"
        f" {dollars(budget.reserved_microdollars)} USD reserved by tasks that run),"
        f" resets at {resets_at:%Y-%m-%d %H:%M} UTC.",
        retry_after_seconds=math.ceil((resets_at - now).total_seconds()),
    )


def _can_reserve_again(reservation: Reservation, task_limit_microdollars: int) -> bool:
    # Locked, so that whoever ends the run meanwhile waits and releases what is reserved
    # here; who was first left no row.
    held = Reservation.objects.select_for_update().filter(
        task_id=reservation.task_id, run_id=reservation.run_id
    )
    try:
        with transaction.atomic():
            if not held.exists():
                return False
            reserve(
                task_id=reservation.task_id,
                run_id=reservation.run_id,
                runtime=reservation.runtime,
                project_id=reservation.project_id,
                task_limit_microdollars=task_limit_microdollars,
            )
    except BudgetExceeded:
        return False
    return True
