"""Budget: a limit on cost; what is spent of it by day, and what is reserved of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.models import Case, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from ledger.models.totals import Totals
from ledger.pricing import dollars
from stagent.database.compiled import CompiledInsert, CompiledUpdate


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


def _scopes(*, runtime: str, project_id: str | None) -> list[tuple[Scope, str]]:
    """List all that a cost counts against, always in one order."""
    scopes = [(Scope.OVERALL, ""), (Scope.RUNTIME, runtime)]
    return [*scopes, (Scope.PROJECT, project_id)] if project_id else scopes


def _total(rows: models.QuerySet[Any], column: str) -> Coalesce:
    """Sum `column` in a subquery."""
    one_group = rows.order_by().values(group=Value(1))
    return Coalesce(Subquery(one_group.values(total=Sum(column))), 0)


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
            for scope, scope_id in _scopes(runtime=runtime, project_id=project_id)
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


class BudgetQuerySet(models.QuerySet["Budget"]):
    def applying_to(self, *, runtime: str, project_id: str | None) -> BudgetQuerySet:
        scopes = _scopes(runtime=runtime, project_id=project_id)
        applies = reduce(
            or_, (Q(scope=scope, scope_id=scope_id) for scope, scope_id in scopes)
        )
        return self.filter(applies, is_active=True)

    def with_spent(self, *, now: datetime | None = None) -> BudgetQuerySet:
        """Add `spent_microdollars`, of the current window."""
        return self.with_spent_since(Period.windows(now or timezone.now()))

    def with_spent_since(self, days: Mapping[Period, date]) -> BudgetQuerySet:
        """Add `spent_microdollars`, from the day that is given for the budget's period."""
        starts = (When(period=period, then=Value(day)) for period, day in days.items())
        days_spent = DailySpend.objects.filter(
            scope=OuterRef("scope"),
            scope_id=OuterRef("scope_id"),
            day__gte=OuterRef("starts_on"),
        )
        return self.annotate(
            starts_on=Case(*starts, output_field=models.DateField()),
            spent_microdollars=_total(days_spent, "spent_microdollars"),  # type: ignore[no-redef]
        )

    def with_reserved(self, *, except_task: UUID | None = None) -> BudgetQuerySet:
        """Add `reserved_microdollars`, by tasks other than `except_task`."""
        live = (
            Reservation.objects.exclude(task_id=except_task)
            if except_task
            else Reservation.objects
        )
        sums = {
            Scope.OVERALL: live.all(),
            Scope.RUNTIME: live.filter(runtime=OuterRef("scope_id")),
            Scope.PROJECT: live.filter(project_id=OuterRef("scope_id")),
        }
        return self.annotate(
            reserved_microdollars=Case(  # type: ignore[no-redef]
                *(
                    When(scope=scope, then=_total(rows, "amount_microdollars"))
                    for scope, rows in sums.items()
                )
            )
        )


class Budget(models.Model):
    """A limit on what all tasks that it applies to may cost in a day or month (UTC)."""

    scope = models.CharField(
        max_length=10,
        choices=Scope.choices,
        default=Scope.OVERALL,
        help_text="What the limit is for.",
    )
    scope_id = models.CharField(
        "runtime or project",
        max_length=255,
        blank=True,
        help_text="The runtime's or project's id; empty for everything.",
    )
    period = models.CharField(
        max_length=10,
        choices=Period.choices,
        default=Period.DAILY,
        help_text="Days and months begin at midnight UTC.",
    )
    limit_microdollars = models.PositiveBigIntegerField()
    is_active = models.BooleanField(
        "active", default=True, help_text="Only active budgets stop tasks."
    )

    objects = BudgetQuerySet.as_manager()

    # Set by with_spent() and with_reserved().
    spent_microdollars: int
    reserved_microdollars: int

    class Meta:
        ordering = ["scope", "scope_id", "period"]
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "scope_id", "period"],
                name="ledger_budget_once",
                violation_error_message="There is such a budget already: change its limit.",
            ),
            models.CheckConstraint(
                condition=Q(scope=Scope.OVERALL, scope_id="")
                | Q(scope__in=[Scope.RUNTIME, Scope.PROJECT]) & ~Q(scope_id=""),
                name="ledger_budget_scope",
                violation_error_message=(
                    "Name the runtime or project, and nothing for a budget of everything."
                ),
            ),
            models.CheckConstraint(
                condition=Q(period__in=Period.values), name="ledger_budget_period"
            ),
        ]

    def __str__(self) -> str:
        scope = f" for {self.scope} {self.scope_id}" if self.scope_id else ""
        return f"{self.period} budget of {dollars(self.limit_microdollars)} USD{scope}"

    @property
    def left_microdollars(self) -> int:
        """What is neither spent nor reserved; below 0 where the limit was lowered."""
        return (
            self.limit_microdollars
            - self.spent_microdollars
            - self.reserved_microdollars
        )

    @property
    def is_spent(self) -> bool:
        """Whether all of it is spent, so that not even the end of running tasks helps."""
        return self.spent_microdollars >= self.limit_microdollars

    def resets_at(self, now: datetime | None = None) -> datetime:
        return Period(self.period).resets_at(now or timezone.now())


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def put(self, reservation: Reservation) -> None:
        """Write a task's reservation down in place of the one it had, in one statement."""
        _put(reservation)

    def shrink(self, task_id: UUID, *, by: int) -> None:
        """Turn what was set aside into what is spent. A correction gives nothing back."""
        if by > 0:
            _shrink(task_id=task_id, by=by)


class Reservation(models.Model):
    """What a task's live run may still spend."""

    task_id = models.UUIDField(unique=True)
    run_id = models.UUIDField()
    runtime = models.CharField(max_length=255)
    project_id = models.CharField(max_length=255, blank=True)
    amount_microdollars = models.PositiveBigIntegerField()
    reserved_at = models.DateTimeField(default=timezone.now)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        ordering = ["-reserved_at"]
        indexes = [
            models.Index(fields=["runtime"], name="ledger_reservation_runtime"),
            models.Index(fields=["project_id"], name="ledger_reservation_project"),
            models.Index(fields=["reserved_at"], name="ledger_reservation_at"),
        ]

    def __str__(self) -> str:
        return f"{dollars(self.amount_microdollars)} USD for task {self.task_id}"


_put = CompiledInsert(Reservation, replacing="task_id")
_shrink = CompiledUpdate(
    lambda task_id, by: (
        Reservation.objects.filter(task_id=task_id),
        {"amount_microdollars": Greatest(F("amount_microdollars") - by, 0)},
    ),
    task_id=UUID,
    by=int,
)
