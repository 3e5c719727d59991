"""Books what requests have used that no worker is left to hear the answers of."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from ledger.models import LedgerEntry, OpenRequest
from ledger.models.entry import make_begun_key
from ledger.models.open_request import COUNTS
from ledger.pricing import Usage


def record_unanswered(run_ids: Collection[UUID]) -> list[LedgerEntry]:
    """Write down what the open requests of these runs have used, and cross them out."""
    left = OpenRequest.objects.filter(run_id__in=run_ids)
    booked = [_record(pk) for pk in left.values_list("pk", flat=True)]
    return [entry for entry in booked if entry]


def _record(pk: int) -> LedgerEntry | None:
    with transaction.atomic():
        # Under its lock: a worker that is late may book the whole at this moment.
        request = OpenRequest.objects.select_for_update().filter(pk=pk).first()
        if request is None:
            return None
        request.delete()
        entries = LedgerEntry.objects.filter(run_id=request.run_id)
        if entries.filter(key=request.key).exists():
            return None
        return LedgerEntry.objects.record(
            task_id=request.task_id,
            run_id=request.run_id,
            key=make_begun_key(request.key),
            usage=Usage(
                request.provider,
                request.model,
                **{count: getattr(request, count) for count in COUNTS},
            ),
            runtime=request.runtime,
            is_estimated=request.is_estimated,
            project_id=request.project_id,
            profile=request.profile,
            created_by=request.created_by,
        )
