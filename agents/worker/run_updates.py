"""Cancels, lost leases and decisions that concern the runs that a worker has in hand."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from uuid import UUID

from tasks.models import PermissionRequest, Run


@dataclass(frozen=True, kw_only=True)
class RunUpdates:
    """Runs that are still held, those to cancel, and permission requests that were decided."""

    held: AbstractSet[UUID]
    cancelled: AbstractSet[UUID]
    decided: AbstractSet[str]


def look_up_updates(run_ids: list[UUID], request_ids: list[str]) -> RunUpdates:
    """Look up the runs in hand and the permission requests that they wait for."""
    running = Run.objects.filter(pk__in=run_ids, status=Run.Status.RUNNING)
    cancel_times = dict(running.values_list("pk", "cancel_requested_at"))
    decided: set[str] = set()
    if request_ids:
        requests = PermissionRequest.objects.filter(pk__in=request_ids)
        pending = requests.pending().values_list("pk", flat=True)
        decided = set(request_ids) - set(pending)
    return RunUpdates(
        held=set(cancel_times),
        cancelled={pk for pk, time in cancel_times.items() if time},
        decided=decided,
    )
