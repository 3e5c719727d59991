"""/api/settings/budgets: the daily and the monthly limit on everything, as one thing."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from ledger.models import Budget, BudgetQuerySet, DailySpend, OnExceed, Period, Scope
from ledger.models.budget import default_warn_percent
from stagent.database.json_text import iso_text
from tasks import catalog
from tasks.access import rights
from tasks.api import responses
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.requests.budgets import SetBudgetSettings
from tasks.api.views.base import ApiView
from tasks.api.zod import Invalid

JSON = dict[str, Any]
USD = 1_000_000  # microdollars
ADD_BUDGET = "ledger.add_budget"
LIMITS = {"dailyLimit": Period.DAILY, "monthlyLimit": Period.MONTHLY}

validate = SetBudgetSettings.validator()


class BudgetSettingsView(ApiView):
    """The same rows as `/api/budgets`, of which it shows those of everything and of runtimes."""

    @extend_schema(responses={200: responses.BudgetSettings})
    def get(self, request: Request) -> Response:
        """Get the limits on everything, what is spent of them, and of each runtime's."""
        return Response(_represent(timezone.now()))

    @extend_schema(request=SetBudgetSettings, responses={200: responses.BudgetSettings})
    def post(self, request: Request) -> Response:
        """Set the daily and the monthly limit; null switches one off, what is absent stays."""
        data = validate(json_body(request))
        with transaction.atomic():
            for name, period in LIMITS.items():
                if data.get(name) is not None and not _overall(period).exists():
                    rights.require(request, ADD_BUDGET)
                if name in data:
                    _set_limit(period, data[name])
            _set_conduct(data)
        return Response(_represent(timezone.now()))


def _set_limit(period: Period, limit_usd: float | None) -> None:
    if limit_usd is None:
        for pk in _overall(period).values_list("pk", flat=True):
            Budget.objects.change(pk, is_active=False)
        return
    limit = {"limit_microdollars": round(limit_usd * USD), "is_active": True}
    budget, is_new = Budget.objects.get_or_create(
        scope=Scope.OVERALL, scope_id="", period=period, defaults=limit
    )
    if not is_new:
        Budget.objects.change(budget.pk, **limit)


def _set_conduct(data: JSON) -> None:
    """Set what holds for both limits: when a note is written, and what becomes of runs."""
    changes: JSON = {}
    if "alertThreshold" in data:
        changes["warn_percent"] = max(1, round(data["alertThreshold"] * 100))
    if "onExceed" in data:
        changes["on_exceed"] = data["onExceed"]
    keys = list(_overall(*Period).values_list("pk", flat=True))
    if changes and not keys:
        name = "alertThreshold" if "alertThreshold" in data else "onExceed"
        raise Invalid.field(name, "There is no limit yet: give one, too")
    for pk in keys if changes else ():
        Budget.objects.change(pk, **changes)


def _overall(*periods: Period) -> BudgetQuerySet:
    return Budget.objects.filter(scope=Scope.OVERALL, scope_id="", period__in=periods)


def _represent(now: datetime) -> JSON:
    rows = Budget.objects.exclude(scope=Scope.PROJECT).with_spent(now=now)
    budgets = {(row.scope_id, row.period): row for row in rows}
    daily, monthly = (budgets.get(("", period)) for period in LIMITS.values())
    known = [budget for budget in (monthly, daily) if budget]
    spends = DailySpend.objects
    spent = {period: int(spends.overall(period, now=now)) for period in Period}
    return {
        "dailyLimit": _limit_of(daily),
        "monthlyLimit": _limit_of(monthly),
        "dailySpend": spent[Period.DAILY] / USD,
        "monthlySpend": spent[Period.MONTHLY] / USD,
        "alertThreshold": (
            known[0].warns_at_percent if known else default_warn_percent()
        )
        / 100,
        "onExceed": known[0].on_exceed if known else OnExceed.STOP,
        "updatedAt": iso_text(max(budget.updated_at for budget in known))
        if known
        else None,
        "policy": {
            "overall": {"monthlySpendCapUsd": _limit_of(monthly)},
            "runtimes": {
                name: {
                    "monthlySpendCapUsd": _limit_of(budgets.get((name, Period.MONTHLY)))
                }
                for name in catalog.RUNTIME_NAMES
            },
        },
        "statuses": list(_statuses(budgets, spent, now)),
        "dailyResetAtIso": iso_text(Period.DAILY.resets_at(now)),
        "monthlyResetAtIso": iso_text(Period.MONTHLY.resets_at(now)),
    }


def _limit_of(budget: Budget | None) -> float | None:
    is_set = budget is not None and budget.is_active
    return budget.limit_microdollars / USD if budget and is_set else None


def _statuses(
    budgets: dict[tuple[str, str], Budget], spent: dict[Period, int], now: datetime
) -> Iterator[JSON]:
    """Yield what is spent on everything, and on each runtime that has a limit."""
    for period in Period:
        budget = budgets.get(("", period))
        is_set = budget is not None and budget.is_active
        yield _status("", period, budget if is_set else None, spent[period], now)
    for row in budgets.values():
        if row.scope_id and row.is_active:
            sum_of = int(row.spent_microdollars)
            yield _status(row.scope_id, Period(row.period), row, sum_of, now)


def _status(
    runtime: str, period: Period, budget: Budget | None, spent: int, now: datetime
) -> JSON:
    limit = budget.limit_microdollars if budget else None
    return {
        "id": f"{runtime or 'overall'}:{period}:spend",
        "scopeId": runtime or "overall",
        "scopeLabel": runtime or "Overall",
        "runtimeId": runtime or None,
        "window": period,
        "currentValue": spent,
        "limitValue": limit,
        "ratio": spent / limit if limit else None,
        "health": _health(budget, spent),
        "resetAtIso": iso_text(period.resets_at(now)),
    }


def _health(budget: Budget | None, spent: int) -> str:
    if budget is None:
        return "unlimited"
    if spent >= budget.limit_microdollars:
        return "blocked"
    warns_at = budget.limit_microdollars * budget.warns_at_percent
    return "warning" if spent * 100 >= warns_at else "ok"
