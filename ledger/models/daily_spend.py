"""DailySpend: what a day used and cost, so that nothing has to sum up the ledger, which only grows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection, models
from django.db.models import Sum

from ledger.models.totals import Totals


class Scope(models.TextChoices):
    OVERALL = "overall", "everything"
    RUNTIME = "runtime", "one runtime"
    PROJECT = "project", "one project"


class Period(models.TextChoices):
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


def scopes_of(*, runtime: str, project_id: str | None) -> list[tuple[Scope, str]]:
    """List all that a cost counts against, always in one order."""
    scopes = [(Scope.OVERALL, ""), (Scope.RUNTIME, runtime)]
    return [*scopes, (Scope.PROJECT, project_id)] if project_id else scopes


CACHED = ("cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
# What a day counts beside its cost: the counts of `LedgerEntry`, and requests.
USED = ("input_tokens", *CACHED, "output_tokens", "requests", "unpriced_requests")
SUMS = ("spent_microdollars", *USED)
_ADD = (
    f"INSERT INTO ledger_dailyspend (day, scope, scope_id, {', '.join(SUMS)})"  # noqa: S608
    f" VALUES ({', '.join(['%s'] * (len(SUMS) + 3))})"
    " ON CONFLICT (scope, scope_id, day) DO UPDATE SET "
    + ", ".join(f"{name} = ledger_dailyspend.{name} + excluded.{name}" for name in SUMS)
)


class DailySpendQuerySet(models.QuerySet["DailySpend"]):
    def add(
        self,
        sums: Mapping[str, int],
        *,
        at: datetime,
        runtime: str,
        project_id: str | None,
    ) -> None:
        """Add `sums`, by the names in `SUMS`, to the day that `at` is in.

        One order of rows for all, so none waits in a circle.
        """
        amounts = [sums.get(name, 0) for name in SUMS]
        rows: list[list[Any]] = [
            [_day(at), scope.value, scope_id, *amounts]
            for scope, scope_id in scopes_of(runtime=runtime, project_id=project_id)
        ]
        with connection.cursor() as cursor:
            # By hand, since bulk_create(update_conflicts=True) can only overwrite.
            cursor.executemany(_ADD, rows)

    def totals(self, *, project_id: str = "") -> Totals:
        """Sum up all days, of everything or of one project.

        A row a day is read, however many requests there were.
        """
        scope = Scope.PROJECT if project_id else Scope.OVERALL
        days = self.filter(scope=scope, scope_id=project_id)
        sums = days.aggregate(**{f"all_{name}": Sum(name, default=0) for name in SUMS})
        count: dict[str, Any] = {name: int(sums[f"all_{name}"]) for name in SUMS}
        priced = count["requests"] - count["unpriced_requests"]
        is_unknown = count["requests"] and not priced
        uncached = count.pop("input_tokens")
        cost = count.pop("spent_microdollars")
        cached = sum(count[name] for name in CACHED)
        return Totals(
            input_tokens=uncached + cached,
            uncached_input_tokens=uncached,
            cost_microdollars=None if is_unknown else cost,
            **count,
        )

    def overall(self, period: Period, *, now: datetime) -> int:
        """Return what was spent on everything in the current window."""
        days = self.filter(
            scope=Scope.OVERALL, scope_id="", day__gte=period.starts_on(_day(now))
        )
        spent: int = days.aggregate(spent=Sum("spent_microdollars", default=0))["spent"]
        return spent


class DailySpend(models.Model):
    """What a day (UTC) used and cost: everything, one runtime, one project.

    So that nothing has to sum up the ledger, which only grows.
    """

    day = models.DateField()
    scope = models.CharField(max_length=10, choices=Scope.choices)
    scope_id = models.CharField(max_length=255, blank=True)
    spent_microdollars = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    cache_read_tokens = models.BigIntegerField(default=0)
    cache_write_tokens = models.BigIntegerField(default=0)
    cache_write_1h_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    requests = models.BigIntegerField(default=0)
    unpriced_requests = models.BigIntegerField(default=0)

    objects = DailySpendQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "daily spend"
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "scope_id", "day"], name="ledger_dailyspend_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.scope} {self.scope_id}".strip()
