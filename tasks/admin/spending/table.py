"""The table below the chart: what each task, model, project … used and cost. Also as CSV."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse

from ledger.models import Totals
from ledger.usage import DAY, Group
from tasks.admin import display
from tasks.admin.spending.names import find_names, find_page, is_chosen_by
from tasks.admin.spending.question import MAX_DAYS, NONE, Question

SHOWN = 100
WITH_COURSE = 25  # rows that show how their cost went over the days


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    name: str
    value: Any
    link: str  # to the page of what it is; or to this one, filtered by it
    totals: Totals
    share: float  # of the whole, in percent
    course: str  # the points of a line, 100 wide and 20 high; "" for none

    @property
    def cost(self) -> str:
        return display.amount(
            self.totals.cost_microdollars, self.totals.unpriced_requests
        )

    @property
    def input(self) -> str:
        return display.count(self.totals.input_tokens)

    @property
    def cached(self) -> str:
        return display.count(self.totals.cache_read_tokens)

    @property
    def output(self) -> str:
        return display.count(self.totals.output_tokens)


def table(question: Question, whole: Totals) -> list[Row]:
    """Return the rows that are shown, the dearest first; days in their order."""
    by = question.table
    groups = question.usage.group(by, limit=MAX_DAYS if by == DAY else SHOWN)
    names = find_names(by, [group.key[by] for group in groups])
    courses = _courses(question, groups[:WITH_COURSE])
    all_of_it = whole.cost_microdollars or 0
    return [
        Row(
            name=names[value],
            value=value,
            link=find_page(by, value, names[value])
            or (question.address(**{by: value or NONE}) if is_chosen_by(by) else ""),
            totals=group.totals,
            share=100 * (group.totals.cost_microdollars or 0) / all_of_it
            if all_of_it
            else 0,
            course=courses.get(value, ""),
        )
        for group in groups
        for value in [group.key[by]]
    ]


def _courses(question: Question, groups: list[Group]) -> dict[Any, str]:
    """Return how each group's cost went over the days, as the points of a line."""
    by, days = question.table, question.days.all()
    if by == DAY or len(days) < 3 or not groups:
        return {}
    of: dict[Any, dict[Any, int]] = defaultdict(dict)
    wanted = {by: [group.key[by] for group in groups]}
    for one in question.usage.group(DAY, by, only=wanted):
        of[one.key[by]][one.key[DAY]] = one.totals.cost_microdollars or 0
    return {
        value: _line([max(0, costs.get(day, 0)) for day in days])
        for value, costs in of.items()
    }


def _line(costs: list[int]) -> str:
    highest = max(costs) or 1
    step = 100 / (len(costs) - 1)
    return " ".join(
        f"{number * step:.1f},{19 - 18 * cost / highest:.1f}"
        for number, cost in enumerate(costs)
    )


COLUMNS = (
    "requests",
    "unpriced requests",
    "input tokens",
    "of these from the cache",
    "of these to the cache",
    "output tokens",
    "cost (USD)",
)


def respond_csv(question: Question, rows: list[Row]) -> HttpResponse:
    """Return the rows that are seen as a file for a spreadsheet."""
    name = f"costs-{question.days.first}-{question.days.last}-by-{question.table}.csv"
    response = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
    writer = csv.writer(response)
    writer.writerow([question.table, "name", *COLUMNS])
    writer.writerows(map(list, map(_values, rows)))
    return response


def _values(row: Row) -> Iterator[Any]:
    totals = row.totals
    yield from map(_as_text, (str(row.value), row.name))
    yield totals.requests
    yield totals.unpriced_requests
    yield totals.input_tokens
    yield totals.cache_read_tokens
    yield totals.cache_write_tokens + totals.cache_write_1h_tokens
    yield totals.output_tokens
    cost = totals.cost_microdollars
    yield "" if cost is None else f"{cost / 1_000_000:.6f}"


def _as_text(text: str) -> str:
    """Keep a spreadsheet from taking a title for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
