"""The tiles above the chart: what it was in all, against before, per task, and what comes."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import QuerySet

from ledger.models import Totals
from ledger.usage import Days, Usage
from tasks.admin import display
from tasks.admin.spending.question import Question
from tasks.models import Run

LOOKED_BACK = 7  # days, of which a forecast takes the mean


@dataclass(frozen=True)
class Figures:
    """The sums above the chart."""

    total: str
    against: str
    per_task: str
    completed: str
    cached: str
    requests: str
    unpriced: int
    unpriced_models: list[str]
    forecast: str
    so_far: str


def figures(question: Question, totals: Totals, today: date) -> Figures:
    completed = _count_completed(question)
    spent = totals.cost_microdollars or 0
    month = _this_month(question, today)
    return Figures(
        total=display.amount(totals.cost_microdollars, totals.unpriced_requests),
        against=_against(question, totals),
        per_task=display.amount(spent // completed) if completed else display.EMPTY,
        completed="a model does not complete tasks"
        if completed is None
        else f"{completed:,} completed",
        cached=f"{totals.cache_read_tokens / totals.input_tokens:.0%}"
        if totals.input_tokens
        else display.EMPTY,
        requests=f"{totals.requests:,} requests",
        unpriced=totals.unpriced_requests,
        unpriced_models=_list_unpriced(question) if totals.unpriced_requests else [],
        forecast=display.amount(_forecast(question, month, today)),
        so_far=display.cents(month),
    )


def _against(question: Question, totals: Totals) -> str:
    """Say how much more or less it is than in as many days before."""
    before = Usage(question.days.before, question.filters).totals().cost_microdollars
    length = question.days.count
    days = "the day" if length == 1 else f"the {length} days"
    if not before:
        return f"{days} before: nothing"
    change = ((totals.cost_microdollars or 0) - before) / before
    return f"{change:+.0%} against {days} before ({display.cents(before)})"


def _count_completed(question: Question) -> int | None:
    """Count the tasks completed in these days; None: what is filtered by tells nothing of it."""
    if "model" in question.filters:
        return None
    columns = {
        "project": "task__project_id",
        "runtime": "runtime",
        "profile": "profile",
        "creator": "task__created_by",
    }
    days = question.days
    runs: QuerySet[Run] = Run.objects.filter(
        status=Run.Status.COMPLETED,
        finished_at__gte=_midnight(days.first),
        finished_at__lt=_midnight(days.last + timedelta(1)),
        **{
            columns[name]: value or None if name == "project" else value
            for name, value in question.filters.items()
            if name != "project" or value
        },
    )
    if question.filters.get("project") == "":
        runs = runs.filter(task__project=None)
    return runs.count()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _list_unpriced(question: Question) -> list[str]:
    groups = question.usage.group("model", limit=1_000)
    return [one.key["model"] for one in groups if one.totals.unpriced_requests]


def _this_month(question: Question, today: date) -> int:
    days = Days(today.replace(day=1), today)
    return Usage(days, question.filters).totals().cost_microdollars or 0


def _forecast(question: Question, month: int, today: date) -> int:
    """Return what this month will cost if it goes on as in the last days that are over."""
    over = Days.until(today - timedelta(1), LOOKED_BACK)
    recent = Usage(over, question.filters).totals().cost_microdollars or 0
    left = monthrange(today.year, today.month)[1] - today.day
    return month + recent * left // LOOKED_BACK
