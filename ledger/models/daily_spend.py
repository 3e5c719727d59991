"""DailySpend and DailyTaskSpend: what a day used and cost, so that nothing sums up the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.models import Sum

from ledger.models.totals import Totals


class Scope(models.TextChoices):
    """What a budget is for."""

    OVERALL = "overall", "everything"
    RUNTIME = "runtime", "one runtime"
    PROJECT = "project", "one project"


class Dimension(models.TextChoices):
    """What days are counted by: all that budgets are for, and more."""

    OVERALL = Scope.OVERALL.value, Scope.OVERALL.label
    RUNTIME = Scope.RUNTIME.value, Scope.RUNTIME.label
    PROJECT = Scope.PROJECT.value, Scope.PROJECT.label
    MODEL = "model", "one model"
    PROFILE = "profile", "one profile"
    CREATOR = "creator", "one person's tasks"


@dataclass(frozen=True)
class Origin:
    """What a cost is of. "" where nobody knows, or there is none."""

    task_id: UUID
    runtime: str
    model: str
    project_id: str = ""
    profile: str = ""
    created_by: str = ""

    @property
    def dimensions(self) -> list[tuple[Dimension, str]]:
        """List the rows of a day that it counts into, always in one order."""
        return [
            (Dimension.OVERALL, ""),
            (Dimension.RUNTIME, self.runtime),
            (Dimension.PROJECT, self.project_id),
            (Dimension.MODEL, self.model),
            (Dimension.PROFILE, self.profile),
            (Dimension.CREATOR, self.created_by),
        ]


class Period(models.TextChoices):
    """How long a budget's window is."""

    DAILY = "daily", "daily"
    MONTHLY = "monthly", "monthly"

    @classmethod
    def windows(cls, now: datetime) -> dict[Period, date]:
        """Return the day on which the window that `now` is in began, for each period."""
        return {period: period.starts_on(_day(now)) for period in cls}

    def starts_on(self, today: date) -> date:
        return today if self is Period.DAILY else today.replace(day=1)

    def resets_at(self, now: datetime) -> datetime:
        """Return the midnight (UTC) at which the window that `now` is in ends."""
        days = 1 if self is Period.DAILY else 31
        next_day = self.starts_on(self.starts_on(_day(now)) + timedelta(days=days))
        return datetime.combine(next_day, time(), tzinfo=UTC)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def list_scopes(*, runtime: str, project_id: str | None) -> list[tuple[Scope, str]]:
    """List all whose budgets a cost counts against, always in one order."""
    scopes = [(Scope.OVERALL, ""), (Scope.RUNTIME, runtime)]
    return [*scopes, (Scope.PROJECT, project_id)] if project_id else scopes


CACHED = ("cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
# What a day counts beside its cost: the counts of `LedgerEntry`, and requests.
USED = ("input_tokens", *CACHED, "output_tokens", "requests", "unpriced_requests")
SUMS = ("spent_microdollars", *USED)
# The same, summed up over rows.
SUMMED: dict[str, Any] = {f"sum_{name}": Sum(name, default=0) for name in SUMS}


def make_totals(sums: Mapping[str, Any]) -> Totals:
    """Make totals of what `SUMMED` names."""
    count: dict[str, Any] = {name: int(sums[f"sum_{name}"]) for name in SUMS}
    uncached = count.pop("input_tokens")
    cost = count.pop("spent_microdollars")
    is_unknown = count["requests"] and count["requests"] == count["unpriced_requests"]
    return Totals(
        input_tokens=uncached + sum(count[name] for name in CACHED),
        uncached_input_tokens=uncached,
        cost_microdollars=None if is_unknown else cost,
        **count,
    )


def _upsert(table: str, keys: Sequence[str]) -> str:
    """Write the statement that adds to a row, or makes it.

    By hand, since bulk_create(update_conflicts=True) can only overwrite.
    """
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in SUMS)
    return (
        f"INSERT INTO {table} ({', '.join([*keys, *SUMS])})"  # noqa: S608  all ours
        f" VALUES ({', '.join(['%s'] * (len(keys) + len(SUMS)))})"
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {added}"
    )


_ORIGIN = tuple(field.name for field in fields(Origin))
_ADD_TO_DAY = _upsert("ledger_dailyspend", ("scope", "scope_id", "day"))
_ADD_TO_TASK = _upsert("ledger_dailytaskspend", ("day", *_ORIGIN))


class DailySpendQuerySet(models.QuerySet["DailySpend"]):
    """Adds to the sums of a day and reads them."""

    def add(self, sums: Mapping[str, int], *, at: datetime, origin: Origin) -> None:
        """Add `sums`, by the names in `SUMS`, to the day that `at` is in.

        One order of rows for all, so none waits in a circle.
        """
        amounts = [sums.get(name, 0) for name in SUMS]
        day = _day(at)
        rows: list[list[Any]] = [
            [scope.value, scope_id, day, *amounts]
            for scope, scope_id in origin.dimensions
        ]
        with connection.cursor() as cursor:
            cursor.executemany(_ADD_TO_DAY, rows)
            cursor.execute(_ADD_TO_TASK, [day, *_columns(origin), *amounts])

    def totals(self, *, project_id: str = "") -> Totals:
        """Sum up all days, of everything or of one project.

        A row a day is read, however many requests there were.
        """
        scope = Scope.PROJECT if project_id else Scope.OVERALL
        days = self.filter(scope=scope, scope_id=project_id)
        return make_totals(days.aggregate(**SUMMED))

    def overall(self, period: Period, *, now: datetime) -> int:
        """Return what was spent on everything in the current window."""
        days = self.filter(
            scope=Scope.OVERALL, scope_id="", day__gte=period.starts_on(_day(now))
        )
        spent: int = days.aggregate(spent=Sum("spent_microdollars", default=0))["spent"]
        return spent


def _columns(origin: Origin) -> list[Any]:
    task_id, *texts = astuple(origin)
    is_native = connection.features.has_native_uuid_field
    return [task_id if is_native else task_id.hex, *texts]


class DaySums(models.Model):
    """What is counted of a day (UTC)."""

    day = models.DateField()
    spent_microdollars = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    cache_read_tokens = models.BigIntegerField(default=0)
    cache_write_tokens = models.BigIntegerField(default=0)
    cache_write_1h_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    requests = models.BigIntegerField(default=0)
    unpriced_requests = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class DailySpend(DaySums):
    """A day by one dimension at a time: everything, one runtime, one project, one model …"""

    scope = models.CharField(max_length=10, choices=Dimension.choices)
    scope_id = models.CharField(max_length=255, blank=True)

    objects = DailySpendQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "daily spend"
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "scope_id", "day"], name="ledger_dailyspend_once"
            )
        ]
        indexes = [
            # A period of one dimension, whatever its values are.
            models.Index(fields=["scope", "day"], name="ledger_dailyspend_period"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.scope} {self.scope_id}".strip()


class DailyTaskSpend(DaySums):
    """A day of one task: read where costs are asked for by several dimensions at once."""

    task_id = models.UUIDField()
    project_id = models.CharField(max_length=255, blank=True)
    runtime = models.CharField(max_length=255)
    model = models.CharField(max_length=255)
    profile = models.CharField(max_length=255, blank=True)
    created_by = models.CharField(max_length=255, blank=True)

    class Meta:
        verbose_name_plural = "daily spend of tasks"
        constraints = [
            models.UniqueConstraint(
                fields=["day", *_ORIGIN], name="ledger_dailytaskspend_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["day", "-spent_microdollars"], name="ledger_dailytask_dearest"
            ),
            models.Index(fields=["task_id"], name="ledger_dailytask_task"),
            models.Index(fields=["project_id", "day"], name="ledger_dailytask_project"),
        ]

    def __str__(self) -> str:
        return f"{self.day} task {self.task_id}"
