"""Reading a task's log from another process than the one that writes it."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from tasks.models import Run, Task
from tasks.models.task_status import FINAL
from tasks.streams.log_stream import read_log

POLL_SECONDS = 0.3
# How long a run may be due before we say that nobody takes it.
PATIENCE_SECONDS = 5


class Follower:
    """Reads a task's log from the entry `after` on, until its end."""

    def __init__(self, task_id: UUID, after: int = 0) -> None:
        self.task_id = task_id
        self.after = after
        self.has_ended = False
        self.status: str | None = None  # once ended; None if the task is gone
        self._told_of: UUID | None = None

    def read(self) -> Iterator[str]:
        """Yield what is new, each entry as the API's JSON."""
        while True:
            page = read_log(self.task_id, self.after)
            for sequence, text in page.entries:
                self.after = sequence
                yield text
            if page.is_last:
                break
        if page.has_ended:
            self._end()

    def _end(self) -> None:
        # Looked up again: meanwhile somebody may have started it anew.
        tasks = Task.objects.filter(pk=self.task_id)
        self.status = tasks.values_list("status", flat=True).first()
        self.has_ended = self.status is None or self.status in FINAL

    def lacks_worker(self) -> bool:
        """Tell, once for each run, that it has been due for a while and nobody took it."""
        overdue = Run.objects.due().filter(
            task_id=self.task_id,
            queued_at__lt=timezone.now() - timedelta(seconds=PATIENCE_SECONDS),
        )
        run_id = overdue.values_list("pk", flat=True).first()
        if run_id is None or run_id == self._told_of:
            return False
        self._told_of = run_id
        return True
