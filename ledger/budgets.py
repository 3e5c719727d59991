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

from ledger.models import Budget, LedgerEntry, OnExceed, Period, Reservation
from ledger.pricing import dollars
from stagent.database.compiled import CompiledDelete, CompiledQuery


class BudgetExceeded(Exception):
    """There is no money left. The message is for people, and names what binds.

    `retry_after_seconds` is None where no time helps: not a window's end is waited for,
    but a person who raises a limit, or tasks that run.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after_seconds: int | None = None,
        budget: Budget | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.budget = (
            budget  # with what is spent and reserved of it; None: the task's own
        )

    @property
    def is_to_ask(self) -> bool:
        """Whether a run that meets this limit waits for a person."""
        return self.budget is not None and self.budget.on_exceed == OnExceed.ASK


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
        raise _refuse_used_up(task_limit_microdollars)
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


def hand_on(task_id: UUID, *, run_id: UUID) -> None:
    """Let the run that goes on with a task have what the one before it had reserved."""
    Reservation.objects.filter(task_id=task_id).update(run_id=run_id)


def raise_limit(pk: int, *, above: int, to: int) -> None:
    """Raise the limit of a budget, unless it is no longer what somebody saw, `above`."""
    Budget.objects.filter(limit_microdollars=above).change(pk, limit_microdollars=to)


def find_reason_to_stop(
    task_id: UUID, *, run_id: UUID, task_limit_microdollars: int
) -> BudgetExceeded | None:
    """Return why the task's run must stop, None if it may go on. Ask after each booking.

    Where its reservation is used up and its budgets have room again, reserve more.
    """
    if _spent_by(task_id) >= task_limit_microdollars:
        return _refuse_used_up(task_limit_microdollars)
    reservation = Reservation.objects.filter(task_id=task_id, run_id=run_id).first()
    if reservation is None:  # the run was ended meanwhile, as it will notice
        return None
    if reservation.amount_microdollars == 0:
        return _reserve_again(reservation, task_limit_microdollars)
    # Where there is something left, only a limit that was lowered since can stop it.
    applying = {
        "runtime": reservation.runtime,
        "project_id": reservation.project_id,
    }
    now = timezone.now()
    if _used_up_query.first(**applying, **Period.windows(now)) is None:
        return None
    return _find_exceeded(_budgets(**applying, except_task=task_id, now=now), now)


def reserved_by(task_id: UUID, *, run_id: UUID) -> int:
    """Return what the task's run has set aside and not spent yet, in microdollars."""
    held = Reservation.objects.filter(task_id=task_id, run_id=run_id)
    return held.values_list("amount_microdollars", flat=True).first() or 0


# Compiled once: each start and each turn of each run asks.
_spent_query = CompiledQuery(
    lambda task_id: (
        LedgerEntry.objects.for_task(task_id)
        .order_by()
        .values("task_id")
        .annotate(spent=Sum("cost_microdollars"))
        .values_list("spent")
    ),
    task_id=UUID,
)
_lock_query = CompiledQuery(
    lambda runtime, project_id: (
        Budget.objects.applying_to(runtime=runtime, project_id=project_id)
        .select_for_update()
        .order_by("pk")
        .values_list("pk")
    ),
    runtime=str,
    project_id=str,
)
_release = CompiledDelete(
    lambda task_id: Reservation.objects.filter(task_id=task_id), task_id=UUID
)
_used_up_query = CompiledQuery(
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
    now = timezone.now()
    applying = _budgets(
        runtime=runtime, project_id=project_id, except_task=except_task, now=now
    )
    if exceeded := _find_exceeded(applying, now):
        raise exceeded
    return [budget.left_microdollars for budget in applying]


def _budgets(
    *, runtime: str, project_id: str, except_task: UUID, now: datetime
) -> list[Budget]:
    """Read the budgets that apply, with what is spent of them and what others hold."""
    applying = Budget.objects.applying_to(runtime=runtime, project_id=project_id)
    return list(applying.with_spent(now=now).with_reserved(except_task=except_task))


def _reserve_again(
    reservation: Reservation, task_limit_microdollars: int
) -> BudgetExceeded | None:
    """Reserve what the budgets have room for, or return why there is none."""
    # Locked, so that whoever ends the run meanwhile waits and releases what is reserved
    # here; who was first left no row.
    held = Reservation.objects.select_for_update().filter(
        task_id=reservation.task_id, run_id=reservation.run_id
    )
    try:
        with transaction.atomic():
            if not held.exists():
                return None
            reserve(
                task_id=reservation.task_id,
                run_id=reservation.run_id,
                runtime=reservation.runtime,
                project_id=reservation.project_id,
                task_limit_microdollars=task_limit_microdollars,
            )
    except BudgetExceeded as exceeded:
        return exceeded
    return None


# --- What binds, in words ---------------------------------------------------------------


def _refuse_used_up(limit_microdollars: int) -> BudgetExceeded:
    return BudgetExceeded(
        f"This task has used up its own budget of {dollars(limit_microdollars)} USD:"
        " raise maxBudgetUsd to go on."
    )


def _find_exceeded(budgets: list[Budget], now: datetime) -> BudgetExceeded | None:
    """Name the budget that binds for longest: what is spent binds until its window ends."""
    if spent := [budget for budget in budgets if budget.is_spent]:
        return _spent(max(spent, key=lambda budget: budget.resets_at(now)), now)
    held = [budget for budget in budgets if budget.left_microdollars <= 0]
    return (
        _held(min(held, key=lambda budget: budget.left_microdollars)) if held else None
    )


def _spent(budget: Budget, now: datetime) -> BudgetExceeded:
    resets_at = budget.resets_at(now)
    return BudgetExceeded(
        f"The {budget} is used up ({dollars(budget.spent_microdollars)} USD spent),"
        f" resets at {resets_at:%Y-%m-%d %H:%M} UTC.",
        retry_after_seconds=math.ceil((resets_at - now).total_seconds()),
        budget=budget,
    )


def _held(budget: Budget) -> BudgetExceeded:
    return BudgetExceeded(
        f"Running tasks hold what is left of the {budget}:"
        f" {dollars(budget.reserved_microdollars)} USD are reserved for them, and"
        f" {dollars(budget.spent_microdollars)} USD spent. Try again when one of them has"
        " ended, or raise the budget.",
        budget=budget,
    )
