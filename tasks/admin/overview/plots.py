"""What the first page draws: costs by day, outcomes by hour, and what is dearest."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncHour
from django.urls import reverse

from ledger.models import Budget
from ledger.usage import TASK, Days, Usage
from tasks.admin import display
from tasks.admin.spending import chart
from tasks.admin.spending.names import names_of, page_of
from tasks.admin.spending.question import NONE, Question
from tasks.models import Run

HOURS = 24
OUTCOMES = {
    Run.Status.COMPLETED: "completed",
    Run.Status.FAILED: "failed",
    Run.Status.CANCELLED: "cancelled",
}
DEAREST = {TASK: "Tasks", "model": "Models", "project": "Projects"}
STACKS = {"model": "Model", "runtime": "Runtime", "project": "Project"}
SHOWN = 5


def cost_by_day(by: str, budgets: list[Budget], now: datetime) -> dict[str, Any]:
    """Return 30 days as the page Costs draws them, whose address its bars lead to."""
    by = by if by in STACKS else "model"
    question = Question.read({"period": "30", "by": by}, now.date())
    series = chart.stack(question)
    drawn = chart.chart(question, series, chart.daily_limit(question, budgets))
    drawn["address"] = reverse("costs") + drawn["address"]
    return {
        "chart": drawn,
        "chart_head": ["Day", *(one.name for one in series), "Together"],
        "chart_rows": chart.rows(question, series),
        "stacks": [
            (title, name == by, f"?by={name}") for name, title in STACKS.items()
        ],
    }


@dataclass(frozen=True)
class Bar:
    """The cost of one thing beside that of the dearest."""

    name: str
    link: str
    cost: str
    percent: int  # of the dearest


def dearest(now: datetime) -> list[tuple[str, list[Bar]]]:
    """Return the dearest tasks, models and projects of seven days."""
    usage = Usage(Days.until(now.date(), 7))
    return [(title, _bars(usage, by)) for by, title in DEAREST.items()]


def _bars(usage: Usage, by: str) -> list[Bar]:
    groups = usage.group(by, limit=SHOWN)
    names = names_of(by, [group.key[by] for group in groups])
    most = max((g.totals.cost_microdollars or 0 for g in groups), default=0) or 1
    costs = reverse("costs")
    return [
        Bar(
            name=names[value],
            link=page_of(by, value, names[value])
            or (f"{costs}?period=7&{by}={value or NONE}" if by != TASK else costs),
            cost=display.amount(
                group.totals.cost_microdollars, group.totals.unpriced_requests
            ),
            percent=max(0, 100 * (group.totals.cost_microdollars or 0) // most),
        )
        for group in groups
        for value in [group.key[by]]
    ]


@dataclass(frozen=True)
class Hour:
    """What happened in one hour."""

    begins: str
    completed: int
    failed: int
    cancelled: int
    height: int  # percent of the highest

    @property
    def number(self) -> int:
        return self.completed + self.failed + self.cancelled

    @property
    def text(self) -> str:
        return (
            f"{self.begins}: {self.completed} completed, {self.failed} failed,"
            f" {self.cancelled} cancelled"
        )


def outcomes(now: datetime) -> list[Hour]:
    """Count the runs that ended in each of the last 24 hours, by how."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    ended = Run.objects.filter(status__in=list(OUTCOMES), finished_at__gte=first)
    rows = ended.order_by().values_list(TruncHour("finished_at"), "status")
    counts: Counter[tuple[datetime, str]] = Counter()
    for hour, status, number in rows.annotate(Count("pk")):
        counts[hour, status] = number
    hours = [first + timedelta(hours=number) for number in range(HOURS)]
    most = max(sum(counts[hour, one] for one in OUTCOMES) for hour in hours) or 1
    return [
        Hour(
            begins=f"{hour:%H:%M}",
            height=100 * sum(counts[hour, one] for one in OUTCOMES) // most,
            **{word: counts[hour, status] for status, word in OUTCOMES.items()},
        )
        for hour in hours
    ]
