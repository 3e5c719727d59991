"""Notes on budgets: written once a window when most of one is spent, and when all of it is."""

import logging
from datetime import date
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ledger.models import Budget, Period
from ledger.models.budget import default_warn_percent
from ledger.pricing import dollars
from stagent.database.compiled import CompiledQuery
from tasks import pubsub
from tasks.models.outbox import OutboxEvent, OutboxType
from tasks.payloads.events import make_budget_data

log = logging.getLogger(__name__)

# Compiled once: each booking asks.
_due_query = CompiledQuery(
    lambda runtime, project_id, daily, monthly, percent: (
        Budget.objects.to_note(
            {Period.DAILY: daily, Period.MONTHLY: monthly},
            percent=percent,
            runtime=runtime,
            project_id=project_id,
        )
        .order_by()
        .values_list("pk")
    ),
    runtime=str,
    project_id=str,
    daily=date,
    monthly=date,
    percent=int,
)


def write_due(*, task_id: UUID, runtime: str, project_id: str) -> None:
    """Write the notes that are due after something was booked; mostly one query and none.

    Of several who find the same due, the UPDATE of the budget lets one write it.
    """
    now = timezone.now()
    days = Period.windows(now)
    due = _due_query.rows(
        runtime=runtime,
        project_id=project_id,
        percent=default_warn_percent(),
        daily=days[Period.DAILY],
        monthly=days[Period.MONTHLY],
    )
    if keys := [pk for (pk,) in due]:
        for budget in Budget.objects.with_spent(now=now).filter(pk__in=keys):
            _write(budget, task_id)


def _write(budget: Budget, task_id: UUID) -> None:
    """Write what is due of one budget: all of it is spent, or the part it warns at."""
    is_all = budget.is_spent
    day: date = budget.starts_on  # type: ignore[attr-defined]  # with_spent() adds it
    kind = OutboxType.BUDGET_EXCEEDED if is_all else OutboxType.BUDGET_WARNING
    column = "exceeded_on" if is_all else "warned_on"
    due = Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__lt": day})
    # Who has spent it all is not warned afterwards that most is spent.
    marks = {"warned_on": day, column: day}
    with transaction.atomic():
        same = Budget.objects.filter(
            due, pk=budget.pk, limit_microdollars=budget.limit_microdollars
        )
        if same.update(**marks):
            OutboxEvent.objects.add(_make_event(budget, kind, day, task_id))
            transaction.on_commit(pubsub.publish_events)
            log.warning("%s", _sentence(budget))


def _make_event(
    budget: Budget, kind: OutboxType, day: date, task_id: UUID
) -> OutboxEvent:
    limit = budget.limit_microdollars
    return OutboxEvent(
        type=kind,
        title=str(budget)[:255],
        message=_sentence(budget),
        data=make_budget_data(
            budget.pk,
            limit_usd=dollars(limit),
            spent_usd=dollars(budget.spent_microdollars),
            # What its request met is not only its own budget.
            caused_by=task_id,
        ),
        project_id=budget.scope_id if budget.scope == "project" else "",
        # With the limit: of a raised one the same may be told once more.
        key=f"{kind}:{budget.pk}:{day}:{limit}",
    )


def _sentence(budget: Budget) -> str:
    spent = dollars(budget.spent_microdollars)
    if budget.is_spent:
        return f"The {budget} is used up: {spent} USD are spent."
    percent = budget.spent_microdollars * 100 // budget.limit_microdollars
    return f"{percent} % of the {budget} are spent: {spent} USD."
