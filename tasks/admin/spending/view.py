"""The page itself: `/admin/costs/`."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from ledger.usage import Usage
from tasks.admin.spending import budgets, chart, figures, table
from tasks.admin.spending.names import find_names
from tasks.admin.spending.question import (
    DIMENSIONS,
    NONE,
    PERIODS,
    TABLES,
    Question,
)

CHOICES = 100  # of a filter, the dearest
RIGHT = "ledger.view_ledgerentry"


def costs(request: HttpRequest) -> HttpResponse:
    """Show the page, or the table that is seen on it as CSV with `format=csv`."""
    if not request.user.has_perm(RIGHT):
        raise PermissionDenied
    today = timezone.now().date()
    question = Question.read(request.GET.dict(), today)
    totals = question.usage.totals()
    rows = table.table(question, totals)
    if request.GET.get("format") == "csv":
        return table.respond_csv(question, rows)
    series = chart.stack(question)
    active = budgets.active_budgets()
    limit = chart.daily_limit(question, active)
    context = {
        **admin.site.each_context(request),
        "title": "Costs",
        "question": question,
        "figures": figures.figures(question, totals, today),
        "periods": PERIODS.items(),
        "filters": _filters(question),
        "chosen": _chosen(question),
        "series": [
            (title, name == question.series, question.address(by=name))
            for name, title in DIMENSIONS.items()
        ],
        "tables": [
            (title, name == question.table, question.address(table=name))
            for name, title in TABLES.items()
        ],
        "table_title": TABLES[question.table],
        "rows": rows,
        "chart": chart.chart(question, series, limit),
        "chart_head": ["Day", *(one.name for one in series), "Together"],
        "chart_rows": chart.rows(question, series),
        "budgets": budgets.bars(active),
        "reserved": budgets.reserved(),
        "csv": question.address(format="csv"),
        "api": _api(question),
    }
    return render(request, "admin/costs.html", context)


def _filters(question: Question) -> list[dict[str, Any]]:
    """Return what there is to choose from: the dearest of the days, and what is chosen."""
    shown = []
    for name, title in DIMENSIONS.items():
        groups = Usage(question.days).group(name, limit=CHOICES)
        values = [group.key[name] for group in groups]
        chosen = question.filters.get(name)
        if chosen is not None and chosen not in values:
            values.append(chosen)
        names = find_names(name, values)
        options = [(value or NONE, names[value], value == chosen) for value in values]
        options.sort(key=lambda option: option[1].casefold())
        shown.append({"name": name, "title": title, "options": options})
    return shown


def _chosen(question: Question) -> list[tuple[str, str, str]]:
    """Return what is filtered by, each with the address without it."""
    return [
        (
            DIMENSIONS[name],
            find_names(name, [value])[value],
            question.address(**{name: None}),
        )
        for name, value in question.filters.items()
    ]


def _api(question: Question) -> str:
    """Return the call of the API that tells the same numbers."""
    names = {"project": "projectId", "creator": "createdBy"}
    days = f"from={question.days.first}&to={question.days.last}"
    filters = "".join(
        f"&{names.get(name, name)}={value}" for name, value in question.filters.items()
    )
    by = "createdBy" if question.table == "creator" else question.table
    return f"/api/usage?groupBy={by}&{days}{filters}"
