"""What the first page draws: costs by day, outcomes by hour, and what is dearest."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncDay, TruncHour
from django.urls import reverse

from ledger.models import Budget
from ledger.usage import TASK, Days, Usage
from tasks.admin import display
from tasks.admin.spending import chart
from tasks.admin.spending.names import find_names, find_page
from tasks.admin.spending.question import NONE, Question
from tasks.models import Run

OUTCOMES = {
    Run.Status.COMPLETED: "completed",
    Run.Status.FAILED: "failed",
    Run.Status.CANCELLED: "cancelled",
}
DEAREST = {TASK: "Tasks", "model": "Models", "project": "Projects"}
STACKS = {"model": "Model", "runtime": "Runtime", "project": "Project"}
SHOWN = 5


def cost_by_day(
    by: str, ended: str, budgets: list[Budget], now: datetime
) -> dict[str, Any]:
    """Return 30 days as the page Costs draws them, whose address its bars lead to."""
    by = by if by in STACKS else "model"
    kept = f"&ended={ended}" if ended in PERIODS and ended else ""
    question = Question.read({"period": "30", "by": by}, now.date())
    series = chart.stack(question)
    drawn = chart.chart(question, series, chart.daily_limit(question, budgets))
    drawn["address"] = reverse("costs") + drawn["address"]
    return {
        "chart": drawn,
        "chart_head": ["Day", *(one.name for one in series), "Together"],
        "chart_rows": chart.rows(question, series),
        "stacks": [
            (title, name == by, f"?by={name}{kept}") for name, title in STACKS.items()
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
    names = find_names(by, [group.key[by] for group in groups])
    most = max((g.totals.cost_microdollars or 0 for g in groups), default=0) or 1
    costs = reverse("costs")
    return [
        Bar(
            name=names[value],
            link=find_page(by, value, names[value])
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
class Span:
    """What happened in one hour or one day."""

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


# By the word in the address: how many spans of what length.
PERIODS = {
    "": ("24 h", 24, timedelta(hours=1)),
    "7": ("7 days", 7, timedelta(days=1)),
    "30": ("30 days", 30, timedelta(days=1)),
}


def outcomes(period: str, by: str, now: datetime) -> dict[str, Any]:
    """Return how many runs ended how, by the hour or day (UTC), and the other periods."""
    period = period if period in PERIODS else ""
    stack = f"by={by}&" if by in STACKS else ""
    return {
        "spans": _cached_spans(period, now) if period else _spans(period, now),
        "span_title": PERIODS[period][0],
        "periods": [
            (title, name == period, f"?{stack}ended={name}")
            for name, (title, _, _) in PERIODS.items()
        ],
    }


@lru_cache(maxsize=4)
def _spans_of_minute(period: str, minute: datetime) -> list[Span]:
    return _spans(period, minute)


def _cached_spans(period: str, now: datetime) -> list[Span]:
    """Count many days once a minute: the page is renewed more often, by everybody who looks."""
    return _spans_of_minute(period, now.replace(second=0, microsecond=0))


def _spans(period: str, now: datetime) -> list[Span]:
    _, number, length = PERIODS[period]
    is_days = length >= timedelta(days=1)
    last = now.replace(
        hour=0 if is_days else now.hour, minute=0, second=0, microsecond=0
    )
    begins = [last - length * (number - 1 - one) for one in range(number)]
    ended = Run.objects.filter(status__in=list(OUTCOMES), finished_at__gte=begins[0])
    truncate = TruncDay if is_days else TruncHour
    rows = ended.order_by().values_list(truncate("finished_at"), "status")
    counts: Counter[tuple[datetime, str]] = Counter()
    for begin, status, found in rows.annotate(Count("pk")):
        counts[begin, status] = found
    most = max(sum(counts[begin, one] for one in OUTCOMES) for begin in begins) or 1
    return [
        Span(
            begins=f"{begin:%Y-%m-%d}" if is_days else f"{begin:%H:%M}",
            height=100 * sum(counts[begin, one] for one in OUTCOMES) // most,
            **{word: counts[begin, status] for status, word in OUTCOMES.items()},
        )
        for begin in begins
    ]
