"""Budgets as bars: what is spent and reserved of each limit."""

from dataclasses import dataclass

from django.urls import reverse

from ledger.models import Budget, Period, Reservation, Scope
from tasks.admin import display
from tasks.admin.spending.names import find_names
from tasks.models import PermissionRequest

SHOWN = 20
NEAR = 90  # percent, from which a bar is red


@dataclass(frozen=True)
class Bar:
    """How much of a budget is spent and reserved, for drawing."""

    name: str
    link: str
    spent: int  # percent of the limit
    reserved: int  # percent, of what is left beside that
    text: str
    resets: str

    @property
    def is_near(self) -> bool:
        return self.spent + self.reserved >= NEAR


def active_budgets() -> list[Budget]:
    budgets = Budget.objects.filter(is_active=True).with_spent().with_reserved()
    return list(budgets.order_by("scope", "scope_id", "period")[:SHOWN])


def bars(budgets: list[Budget]) -> list[Bar]:
    names = {
        scope: find_names(scope, [b.scope_id for b in budgets if b.scope == scope])
        for scope in (Scope.RUNTIME, Scope.PROJECT)
    }
    return [
        _bar(
            budget,
            "Everything"
            if budget.scope == Scope.OVERALL
            else names[Scope(budget.scope)][budget.scope_id],
        )
        for budget in budgets
    ]


def _bar(budget: Budget, name: str) -> Bar:
    limit, spent = budget.limit_microdollars, int(budget.spent_microdollars)
    reserved = int(budget.reserved_microdollars)
    spent_percent = _percent(spent, limit)
    return Bar(
        name=f"{name}, {Period(budget.period).label}",
        link=reverse("admin:ledger_budget_change", args=[budget.pk]),
        spent=spent_percent,
        reserved=min(_percent(reserved, limit), 100 - spent_percent),
        text=f"{display.cents(spent)}"
        + (f" + {display.cents(reserved)} reserved" if reserved else "")
        + f" of {display.cents(limit)}",
        resets=display.ago(budget.resets_at()),
    )


def _percent(part: int, whole: int) -> int:
    return min(100, 100 * part // whole) if whole else 100


def reserved() -> str:
    """Say what live tasks have reserved, and how many of them wait for a person."""
    rows = Reservation.objects.order_by("-reserved_at").values_list(
        "task_id", "amount_microdollars"
    )[:1_000]
    if not rows:
        return ""
    amounts = dict(rows)
    pending = PermissionRequest.objects.pending().filter(task_id__in=list(amounts))
    waiting = pending.count_tasks()
    count = f"{len(amounts)} tasks" if len(amounts) > 1 else "1 task"
    text = f"{display.cents(sum(amounts.values()))} is reserved by {count}"
    if waiting:
        text += f", {waiting} of which {'waits' if waiting == 1 else 'wait'} for you"
    return text
