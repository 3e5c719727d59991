"""Tells of budgets that are nearly or wholly used up, once a window and limit."""

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from ledger.models import Budget, Period
from ledger.pricing import dollars
from tasks import pubsub
from tasks.models import OutboxEvent, OutboxType

WORDS = {
    OutboxType.BUDGET_WARNING: "The {} is used up to {} %.",
    OutboxType.BUDGET_EXCEEDED: "The {} is used up ({} %).",
}


def announce_budgets() -> int:
    """Write an event for each budget that has come so far, and return how many are new."""
    now = timezone.now()
    found = {str(event.key): event for event in _find_notes(now)}
    told = OutboxEvent.objects.filter(key__in=found).values_list("key", flat=True)
    new = [found[key] for key in found.keys() - set(told)]
    # Another worker may write the same at this moment: the key lets one of them.
    count = sum(OutboxEvent.objects.add(event) for event in new)
    if count:
        transaction.on_commit(pubsub.publish_events)
    return count


def _find_notes(now: datetime) -> Iterator[OutboxEvent]:
    # One of nothing is used up before anything is spent: there is nothing to tell.
    active = Budget.objects.filter(is_active=True, limit_microdollars__gt=0)
    for budget in active.with_spent(now=now):
        percent = budget.spent_microdollars * 100 // budget.limit_microdollars
        if budget.is_spent:
            yield _make_note(OutboxType.BUDGET_EXCEEDED, budget, percent, now)
        elif percent >= budget.warns_at_percent:
            yield _make_note(OutboxType.BUDGET_WARNING, budget, percent, now)


def _make_note(
    kind: OutboxType, budget: Budget, percent: int, now: datetime
) -> OutboxEvent:
    window = Period.windows(now)[Period(budget.period)]
    return OutboxEvent(
        type=kind,
        project_id=budget.scope_id if budget.scope == "project" else "",
        title=str(budget),
        message=WORDS[kind].format(budget, percent),
        data={
            "budgetId": str(budget.pk),
            "limitUsd": dollars(budget.limit_microdollars),
            "spentUsd": dollars(budget.spent_microdollars),
        },
        # With the limit: of a raised one the same may be told once more.
        key=f"{kind}:{budget.pk}:{window}:{budget.limit_microdollars}",
    )
