"""What the tables have to tell of the runs that a worker has in hand."""

from uuid import UUID

from tasks.models import PermissionRequest, Run


class RunUpdates:
    """Runs whose lease is held, those to cancel, and the requests that were answered."""

    def __init__(
        self, *, held: set[UUID], cancelled: set[UUID], answered: list[str]
    ) -> None:
        self.held = held
        self.cancelled = cancelled
        self.answered = answered


def look_up_updates(run_ids: list[UUID], request_ids: list[str]) -> RunUpdates:
    """Look up runs in hand and the permission requests that they wait for."""
    running = Run.objects.filter(pk__in=run_ids, status=Run.Status.RUNNING)
    asked = dict(running.values_list("pk", "cancel_requested_at"))
    answered: list[str] = []
    if request_ids:
        requests = PermissionRequest.objects.filter(pk__in=request_ids)
        still = requests.pending().values_list("pk", flat=True)
        answered = list(set(request_ids) - set(still))
    return RunUpdates(
        held=set(asked),
        cancelled={pk for pk, requested_at in asked.items() if requested_at},
        answered=answered,
    )
