"""Budget: a limit on cost, and what live runs have reserved of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from ledger.models.daily_spend import DailySpend, Period, Scope, list_scopes
from ledger.pricing import dollars
from stagent.database.compiled import CompiledInsert, CompiledUpdate


def _total(rows: models.QuerySet[Any], column: str) -> Coalesce:
    """Sum `column` in a subquery."""
    one_group = rows.order_by().values(group=Value(1))
    return Coalesce(Subquery(one_group.values(total=Sum(column))), 0)


class OnExceed(models.TextChoices):
    """What becomes of a run that meets a limit."""

    STOP = "stop", "it ends, and may be resumed"
    ASK = "ask", "it waits for a person, who raises the limit or ends it"


def default_warn_percent() -> int:
    return int(settings.STAGENT_BUDGET_WARNING_PERCENT)


class BudgetQuerySet(models.QuerySet["Budget"]):
    """Budgets with what of each is spent and reserved."""

    def applying_to(self, *, runtime: str, project_id: str | None) -> BudgetQuerySet:
        scopes = list_scopes(runtime=runtime, project_id=project_id)
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

    def to_note(
        self,
        days: Mapping[Period, date],
        *,
        percent: int,
        runtime: str,
        project_id: str,
    ) -> BudgetQuerySet:
        """Return those of which so much is spent that a note is due, and was not written yet."""
        warns_at = F("limit_microdollars") * Coalesce("warn_percent", percent)
        warned = Q(warned_on__isnull=True) | Q(warned_on__lt=F("starts_on"))
        exceeded = Q(exceeded_on__isnull=True) | Q(exceeded_on__lt=F("starts_on"))
        return (
            self.applying_to(runtime=runtime, project_id=project_id)
            .with_spent_since(days)
            .alias(percents=F("spent_microdollars") * 100)
            .filter(
                Q(percents__gte=warns_at) & warned
                | Q(spent_microdollars__gte=F("limit_microdollars")) & exceeded
            )
        )

    def change(self, pk: int, **changes: Any) -> int:
        """Write `changes` of a budget; with another limit, notes are due anew."""
        if {"limit_microdollars", "warn_percent", "is_active"} & changes.keys():
            changes |= {"warned_on": None, "exceeded_on": None}
        return self.filter(pk=pk).update(updated_at=timezone.now(), **changes)

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
    warn_percent = models.PositiveSmallIntegerField(
        "note at (%)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="A note is written once a window when so much is spent. Empty: what the"
        " server's settings say, 80 by default.",
    )
    on_exceed = models.CharField(
        "when used up",
        max_length=4,
        choices=OnExceed.choices,
        default=OnExceed.STOP,
        help_text="What becomes of a task that runs and meets the limit.",
    )
    updated_at = models.DateTimeField(auto_now=True)
    # The first day of the window for which a note was written, of either kind.
    warned_on = models.DateField(null=True, editable=False)
    exceeded_on = models.DateField(null=True, editable=False)

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
            models.CheckConstraint(
                condition=Q(on_exceed__in=OnExceed.values), name="ledger_budget_exceed"
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

    @property
    def warns_at_percent(self) -> int:
        return self.warn_percent or default_warn_percent()

    def resets_at(self, now: datetime | None = None) -> datetime:
        return Period(self.period).resets_at(now or timezone.now())


class ReservationQuerySet(models.QuerySet["Reservation"]):
    """Reserves for a run, and lets go of what it spends."""

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
