"""The fields that every log line of a worker carries, for log systems that filter by them."""

from typing import Any
from uuid import UUID

from tasks.models import Run


def log_fields(
    action: str,
    *,
    run: Run | None = None,
    run_id: UUID | None = None,
    task_id: UUID | None = None,
    worker: str = "",
) -> dict[str, Any]:
    """Return `extra` of a log line; what a line does not concern is empty."""
    if run:
        run_id, task_id, worker = run.pk, run.task_id, run.worker
    return {
        "action": action,
        "worker": worker,
        "run_id": str(run_id or ""),
        "task_id": str(task_id or ""),
    }
