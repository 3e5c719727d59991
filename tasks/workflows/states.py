"""What became of the steps of a run: read from their tasks, and kept in `StepRun`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from tasks.models import PermissionRequest, Run, StepRun, Task
from tasks.workflows.engine import Key, StepState, StepStatus

DELETED = "Its task was deleted."
CANCELLED = "Its task was cancelled."


@dataclass(frozen=True)
class Seen:
    """A step's status as its task has it now."""

    status: StepStatus
    error: str = ""


def current_steps(run_id: UUID) -> list[StepRun]:
    """Return the last attempt of each step and iteration, with its task, in one query."""
    steps = StepRun.objects.filter(run_id=run_id, is_retried=False)
    with_tasks = steps.select_related("task", "approval")
    return list(with_tasks.defer("task__description", "task__result").order_by("id"))


def key_of(step: StepRun) -> Key:
    return step.step_id, step.iteration


def see(step: StepRun) -> Seen:
    """Tell what became of a step: whatever anybody did to its task counts."""
    if step.task is None:
        if step.is_over or step.status == StepRun.Status.DELAYED:
            return Seen(StepStatus(step.status), step.error)
        return Seen(StepStatus.FAILED, DELETED)
    match step.task.status:
        case Task.Status.COMPLETED:
            return Seen(StepStatus.COMPLETED)
        case Task.Status.FAILED:
            return Seen(StepStatus.FAILED, step.error)
        case Task.Status.CANCELLED:
            return Seen(StepStatus.FAILED, step.error or CANCELLED)
        case Task.Status.PLANNED if step.approval and not _is_started(step):
            return _see_approval(step, step.approval)
        case _:
            return Seen(StepStatus.RUNNING)


def _is_started(step: StepRun) -> bool:
    return step.status in {StepRun.Status.RUNNING, StepRun.Status.COMPLETED}


def _see_approval(step: StepRun, approval: PermissionRequest) -> Seen:
    match approval.status:
        case PermissionRequest.Status.PENDING:
            return Seen(StepStatus.WAITING_APPROVAL)
        case PermissionRequest.Status.ALLOWED if not step.is_over:
            return Seen(StepStatus.APPROVED)
        case PermissionRequest.Status.DENIED:
            note = approval.decision_message
            by = f"Approval denied by {approval.decided_by}"
            return Seen(StepStatus.FAILED, f"{by}: {note}" if note else f"{by}.")
        case _:
            return Seen(StepStatus.RUNNING)


def update_steps(steps: Sequence[StepRun]) -> dict[Key, StepState]:
    """Write what became of the steps, and return it as the engine takes it.

    The caller holds the row of their run.
    """
    seen = {key_of(step): see(step) for step in steps}
    changed = [step for step in steps if _differs(step, seen[key_of(step)])]
    errors = _find_errors(changed)
    for step in changed:
        now = seen[key_of(step)]
        step.status = StepRun.Status(now.status)
        step.error = (errors.get(step.task_id) if step.task_id else None) or now.error
        step.finished_at = timezone.now() if step.is_over else None
    if changed:
        StepRun.objects.bulk_update(changed, ["status", "error", "finished_at"])
    return {
        key_of(step): StepState(seen[key_of(step)].status, step.delayed_until)
        for step in steps
    }


def _differs(step: StepRun, seen: Seen) -> bool:
    # That it was approved is not written: it is started in the same transaction, or not.
    return seen.status not in {step.status, StepStatus.APPROVED}


def _find_errors(steps: Collection[StepRun]) -> dict[UUID, str]:
    """Return why the tasks of these steps failed, by task."""
    failed = [
        step.task.pk
        for step in steps
        if step.task and step.task.status == Task.Status.FAILED
    ]
    if not failed:
        return {}
    runs = Run.objects.filter(task_id__in=failed).order_by("attempt")
    return {
        task_id: error or "Failed."
        for task_id, error in runs.values_list("task_id", "error")
    }


def read_result(step: StepRun) -> str:
    """Return what the agent of a step said last."""
    if step.task_id is None:
        return ""
    results = Task.objects.filter(pk=step.task_id).values_list("result", flat=True)
    return results.first() or ""
