"""Cancels, lost leases, decisions and messages that concern the runs that a worker has in hand."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from uuid import UUID

from django.db.models import OuterRef, Subquery

from agents.worker.database import run_in_database
from agents.worker.execution import Execution, Stop
from tasks.models import PermissionRequest, Run
from tasks.models.message import last_undelivered


@dataclass(frozen=True, kw_only=True)
class RunUpdates:
    """Runs that are still held, those to cancel, and permission requests that were decided.

    `messages` has the number of the last message that no agent has, of runs that have one.
    """

    held: AbstractSet[UUID]
    cancelled: AbstractSet[UUID]
    decided: AbstractSet[str]
    messages: Mapping[UUID, int]


def look_up_updates(run_ids: list[UUID], request_ids: list[str]) -> RunUpdates:
    """Look up the runs in hand and the permission requests that they wait for."""
    running = Run.objects.filter(pk__in=run_ids, status=Run.Status.RUNNING)
    last_message = Subquery(last_undelivered(OuterRef("task_id")))
    rows = list(
        running.order_by().values_list("pk", "cancel_requested_at", last_message)
    )
    decided: set[str] = set()
    if request_ids:
        requests = PermissionRequest.objects.filter(pk__in=request_ids)
        pending = requests.pending().values_list("pk", flat=True)
        decided = set(request_ids) - set(pending)
    return RunUpdates(
        held={pk for pk, *_ in rows},
        cancelled={pk for pk, time, _ in rows if time},
        decided=decided,
        messages={pk: sequence for pk, _, sequence in rows if sequence},
    )


async def apply_updates(executions: Mapping[UUID, Execution]) -> None:
    """Look up what concerns the runs in hand, and have their executions act on it."""
    if not executions:
        return
    waiting = {
        request_id: execution.gate
        for execution in executions.values()
        if execution.gate
        for request_id in execution.gate.waiting_for
    }
    updates = await run_in_database(look_up_updates, list(executions), list(waiting))
    for run_id, execution in list(executions.items()):
        if run_id in updates.cancelled:
            execution.stop(Stop.CANCELLED)
        elif run_id not in updates.held:
            execution.stop(Stop.LOST)
    for run_id, sequence in updates.messages.items():
        if addressee := executions.get(run_id):
            await addressee.receive_messages(sequence)
    for gate in {waiting[request_id] for request_id in updates.decided}:
        await gate.wake()
