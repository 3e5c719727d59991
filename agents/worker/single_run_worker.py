"""The worker of a poison run's own process: see `agents.worker.isolation`."""

from typing import Any
from uuid import UUID

from agents.worker.database import run_in_database
from agents.worker.loop import Worker
from tasks.models import Run


class SingleRunWorker(Worker):
    """Performs the one run that it is given, and ends."""

    def __init__(self, run_id: UUID, *, channel_layer: Any) -> None:
        super().__init__(channel_layer=channel_layer, concurrency=1)
        self._run_id: UUID | None = run_id

    def _start_chores(self) -> None:
        # The worker that started this one does all other chores.
        self._keep_leases()

    async def _claim(self) -> None:
        if self._run_id:
            run_id, self._run_id = self._run_id, None
            if run := await run_in_database(Run.objects.claim_one, self.name, run_id):
                self._perform(run)
        if not self.executions:
            self._stopping = True
