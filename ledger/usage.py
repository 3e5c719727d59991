"""What was used and what it cost in some days, by whatever one asks: from totals kept per day.

Everything, or one dimension alone, is read from `DailySpend`: a row a day and value. What
needs several at once, or tasks, is read from `DailyTaskSpend`: a row a day and task.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet

from ledger.models import DailySpend, DailyTaskSpend, Dimension, Totals
from ledger.models.daily_spend import SUMMED, make_totals

DAY, TASK = "day", "task"
# What one may group by and filter by, and its column in `DailyTaskSpend`.
COLUMNS = {
    TASK: "task_id",
    "project": "project_id",
    "runtime": "runtime",
    "model": "model",
    "profile": "profile",
    "creator": "created_by",
}
MAX_GROUPS = 10_000
MAX_TASKS = 100


class TooManyGroups(Exception):
    """So many groups nobody reads: choose fewer days, or group by less."""


@dataclass(frozen=True)
class Days:
    """From the first to the last, both included (UTC)."""

    first: date
    last: date

    @property
    def count(self) -> int:
        return (self.last - self.first).days + 1

    @classmethod
    def until(cls, last: date, count: int) -> Days:
        return cls(last - timedelta(count - 1), last)

    @property
    def before(self) -> Days:
        """As many days, up to the one before the first."""
        return Days(self.first - timedelta(self.count), self.first - timedelta(1))

    def all(self) -> list[date]:
        return [self.first + timedelta(number) for number in range(self.count)]


@dataclass(frozen=True)
class Group:
    """One group of the usage, with its sums."""

    key: Mapping[str, Any]  # by the names that were grouped by
    totals: Totals


@dataclass(frozen=True)
class Usage:
    """The days, and what is counted of them: `Usage(days, {"project": "crm"})`."""

    days: Days
    filters: Mapping[str, str] = field(default_factory=dict)

    def totals(self) -> Totals:
        rows, _ = self._rows(())
        return make_totals(rows.aggregate(**SUMMED))

    def group(
        self,
        *by: str,
        limit: int | None = None,
        only: Mapping[str, Collection[Any]] | None = None,
    ) -> list[Group]:
        """Sum up by each of `by`, the dearest first, or by day if that is one of them.

        `only`: the values of one of `by` that are wanted. Of tasks come the `MAX_TASKS`
        dearest. Without a limit, raise TooManyGroups above `MAX_GROUPS`.
        """
        rows, columns = self._rows(by)
        only = dict(only or {})
        if TASK in by and TASK not in {*self.filters, *only}:
            only[TASK] = self._dearest_tasks()
        rows = rows.filter(
            **{f"{columns[name]}__in": list(values) for name, values in only.items()}
        )
        names = {f"by_{name}": F(columns[name]) for name in by}
        found = rows.order_by().values(**names).annotate(**SUMMED)
        order = [f"by_{DAY}"] if DAY in by else []
        ordered = found.order_by(*order, "-sum_spent_microdollars", *names)
        groups = [
            Group({name: row[f"by_{name}"] for name in by}, make_totals(row))
            for row in ordered[: limit or MAX_GROUPS + 1]
        ]
        if not limit and len(groups) > MAX_GROUPS:
            raise TooManyGroups
        return groups

    def _rows(self, by: Collection[str]) -> tuple[QuerySet[Any], dict[str, str]]:
        """Return the smallest table's rows that tell, and the names of its columns."""
        asked = {*by, *self.filters} - {DAY}
        between = {"day__gte": self.days.first, "day__lte": self.days.last}
        if len(asked) > 1 or TASK in asked:
            filters = {COLUMNS[name]: value for name, value in self.filters.items()}
            rows = DailyTaskSpend.objects.filter(**between, **filters)
            return rows, {DAY: DAY, **COLUMNS}
        (dimension,) = asked or {Dimension.OVERALL.value}
        days = DailySpend.objects.filter(scope=dimension, **between)
        if self.filters:
            days = days.filter(scope_id=self.filters[dimension])
        return days, {DAY: DAY, dimension: "scope_id"}

    def _dearest_tasks(self) -> list[UUID]:
        """Return the dearest tasks, of those that are among the dearest of some day.

        By an index a few rows a day are read, however many tasks there were.
        """
        spent: Counter[UUID] = Counter()
        for start in range(0, self.days.count, _DAYS_A_QUERY):
            days = self.days.all()[start : start + _DAYS_A_QUERY]
            spent.update(self._find_dearest(days))
        return [task_id for task_id, _ in spent.most_common(MAX_TASKS)]

    def _find_dearest(self, days: Sequence[date]) -> Counter[UUID]:
        wanted = {name: value for name, value in self.filters.items() if name != TASK}
        conditions = "".join(f" AND {COLUMNS[name]} = %s" for name in wanted)
        of_a_day = (
            "SELECT * FROM (SELECT task_id, spent_microdollars FROM ledger_dailytaskspend"  # noqa: S608  all ours
            f" WHERE day = %s{conditions} ORDER BY spent_microdollars DESC"
            f" LIMIT {MAX_TASKS}) AS dearest"
        )
        parameters = [
            one for day in days for one in (day.isoformat(), *wanted.values())
        ]
        spent: Counter[UUID] = Counter()
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join([of_a_day] * len(days)), parameters)
            for task_id, amount in cursor.fetchall():
                spent[task_id if isinstance(task_id, UUID) else UUID(task_id)] += amount
        return spent


# SQLite takes no more than 500 parts in one statement.
_DAYS_A_QUERY = 400
