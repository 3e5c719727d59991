"""Renews the leases of a worker's runs, and closes runs whose leases have expired.

A worker that dies cannot say so: its leases expire. Those of a worker that was paused, or cut
off from the database, expire too. So each worker renews its own leases before it looks for
expired ones, never closes a run that it has in hand, and after a pause gives other workers,
which may have been paused with it, time to renew theirs.
"""

import logging
import time
from collections.abc import Callable, Collection
from uuid import UUID

from agents.worker.database import run_for_leases
from agents.worker.unanswered import book_unanswered
from tasks.exceptions import LeaseLost
from tasks.lifecycle import runs
from tasks.models import Run
from tasks.observability import log_context

log = logging.getLogger(__name__)

NOT_WRITTEN = "The end of the run could not be written; the run is taken up again."


class Leases:
    """Keeps the leases of the runs that one worker has in hand."""

    def __init__(
        self, worker: str, seconds: float, in_hand: Callable[[], Collection[UUID]]
    ) -> None:
        self._worker = worker
        self._seconds = seconds
        self._in_hand = in_hand
        self._renewed_at = self._checked_at = time.monotonic()
        self._paused_until = float("-inf")

    async def renew(self) -> frozenset[UUID]:
        """Renew the leases of all runs in hand, and return the runs that lost theirs."""
        began_at, run_ids = time.monotonic(), list(self._in_hand())
        lost: frozenset[UUID] = frozenset()
        if run_ids:
            lost = await run_for_leases(Run.objects.renew, self._worker, run_ids)
        else:  # a query all the same: it shows that leases could be renewed
            await run_for_leases(Run.objects.expired().exists)
        self._renewed_at = began_at
        return lost

    @property
    def may_have_run_out(self) -> bool:
        """Whether other workers may have taken up what this one has in hand."""
        return time.monotonic() - self._renewed_at > self._seconds

    async def close_expired(self) -> None:
        """Close the runs whose leases have expired; each goes on in a new run."""
        await self.renew()
        expired = await run_for_leases(lambda: list(Run.objects.expired()))
        await run_for_leases(Run.objects.clear_expired)
        self._notice_pause()
        # Others renew theirs three times within a lease.
        if time.monotonic() - self._paused_until < self._seconds / 2:
            return
        await run_for_leases(book_unanswered)
        for run in expired:
            if run.worker == self._worker:
                await self._hand_over(run)
            elif await run_for_leases(runs.expire, run):
                log.warning(
                    "The lease of run %s, held by %s, expired.",
                    run.pk,
                    run.worker,
                    extra=log_context.make_extra(
                        "expire", worker=run.worker, run_id=run.pk, task_id=run.task_id
                    ),
                )

    def _notice_pause(self) -> None:
        now = time.monotonic()
        if now - self._checked_at > self._seconds / 2:
            self._paused_until = now
        self._checked_at = now

    async def _hand_over(self, run: Run) -> None:
        """Hand over a run that this worker claimed and no longer has in hand."""
        if run.pk in self._in_hand():
            return
        try:
            await run_for_leases(runs.hand_over, run, reason=NOT_WRITTEN)
        except LeaseLost:
            return
        await run_for_leases(run.release_lease, self._worker)
