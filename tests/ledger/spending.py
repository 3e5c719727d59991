"""What the tests of budgets do: reserve, spend, ask."""

from uuid import uuid4

from django.db import transaction

from ledger import budgets
from ledger.models import Reservation
from tests.ledger.factories import USD, LedgerEntryFactory, UsageFactory

RUNTIME = "anthropic-direct"


def reserve(task_id=None, *, runtime=RUNTIME, project_id=None, limit=2 * USD):
    task_id = task_id or uuid4()
    with transaction.atomic():
        return budgets.reserve(
            task_id=task_id,
            run_id=task_id,  # a task has one run here
            runtime=runtime,
            project_id=project_id,
            task_limit_microdollars=limit,
        )


def spend(task_id, microdollars, **kwargs):
    """Book an entry that costs this much, at 5 microdollars an input token."""
    usage = UsageFactory(
        model="claude-opus-4-5", input_tokens=microdollars // 5, output_tokens=0
    )
    entry = LedgerEntryFactory(task_id=task_id, usage=usage, **kwargs)
    assert entry.cost_microdollars == microdollars
    return entry


def reserved(task_id):
    return Reservation.objects.get(task_id=task_id).amount_microdollars


def is_used_up(task_id, *, limit=2 * USD):
    return find_reason_to_stop(task_id, limit=limit) is not None


def find_reason_to_stop(task_id, *, limit=2 * USD):
    return budgets.find_reason_to_stop(
        task_id, run_id=task_id, task_limit_microdollars=limit
    )
