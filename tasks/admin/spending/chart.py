"""The stacked days: the dearest values of one dimension, all others, and the limit."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger.models import Budget, Period
from ledger.usage import DAY, Usage
from tasks.admin import display
from tasks.admin.spending.names import find_names
from tasks.admin.spending.question import NONE, Question

STACKED = 7
OTHERS = "All others"


@dataclass(frozen=True)
class Series:
    """One line of the chart."""

    name: str
    value: str | None  # as in the address; None: nothing to filter by
    costs: list[int]  # microdollars, a day each


def stack(question: Question) -> list[Series]:
    """Return a series for each of the dearest values, and one for what is left."""
    usage, by = question.usage, question.series
    values = [one.key[by] for one in usage.group(by, limit=STACKED)]
    days = question.days.all()
    of: dict[Any, dict[date, int]] = defaultdict(dict)
    for group in usage.group(DAY, by, only={by: values}) if values else []:
        of[group.key[by]][group.key[DAY]] = group.totals.cost_microdollars or 0
    names = find_names(by, values)
    series = [
        Series(names[value], value or NONE, [of[value].get(day, 0) for day in days])
        for value in values
    ]
    others = _others(usage, series, days)
    return [*series, Series(OTHERS, None, others)] if any(others) else series


def _others(usage: Usage, series: list[Series], days: list[date]) -> list[int]:
    if len(series) < STACKED:
        return []
    whole = {
        one.key[DAY]: one.totals.cost_microdollars or 0 for one in usage.group(DAY)
    }
    return [
        whole.get(day, 0) - sum(one.costs[number] for one in series)
        for number, day in enumerate(days)
    ]


def daily_limit(question: Question, budgets: list[Budget]) -> int | None:
    """Return the limit (microdollars) of a day of just what is shown, if there is one."""
    wanted = tuple(question.filters.items()) or (("overall", ""),)
    for budget in budgets:
        if (
            budget.period == Period.DAILY
            and ((budget.scope, budget.scope_id),) == wanted
        ):
            return budget.limit_microdollars
    return None


def chart(
    question: Question, series: list[Series], limit: int | None
) -> dict[str, Any]:
    """Return what the page's script draws."""
    return {
        "days": [day.isoformat() for day in question.days.all()],
        "series": [
            {
                "name": one.name,
                "costs": [cost / 1_000_000 for cost in one.costs],
                "address": None
                if one.value is None
                else question.address(**{question.series: one.value}),
                "value": one.value,
            }
            for one in series
        ],
        "by": question.series,
        "limit": None if limit is None else limit / 1_000_000,
        "address": question.address(period=None, **{"from": None, "to": None}),
    }


def rows(question: Question, series: list[Series]) -> list[list[str]]:
    """Return the same as a table, for who sees no picture: the days that cost anything."""
    shown = []
    for number, day in enumerate(question.days.all()):
        costs = [one.costs[number] for one in series]
        if any(costs):
            amounts = [display.cents(cost) for cost in (*costs, sum(costs))]
            shown.append([day.isoformat(), *amounts])
    return shown
