"""The leases of a worker's runs, and the runs that other workers let theirs run out of.

Nobody sees a worker die. One that was paused, or cut off from the database, lets its leases
run out too. So each renews its own before it looks at those of others, never takes up what it
has in hand itself, and gives others, who may have been held up with it, time to renew theirs.
"""

import logging
import time
from collections.abc import Callable, Collection
from uuid import UUID

from agents.worker.database import for_leases
from agents.worker.unanswered import book_unanswered
from tasks import runs
from tasks.exceptions import LeaseLost
from tasks.models import Run

log = logging.getLogger(__name__)

UNWRITTEN = "The end of the run could not be written; the run is taken up again."


class Leases:
    """Keeps the leases of the runs that one worker has in hand."""

    def __init__(
        self, worker: str, seconds: float, in_hand: Callable[[], Collection[UUID]]
    ) -> None:
        self._worker = worker
        self._seconds = seconds
        self._in_hand = in_hand
        self._renewed_at = self._looked_at = time.monotonic()
        self._held_up_at = float("-inf")  # when it could look again after a while

    async def renew(self) -> frozenset[UUID]:
        """Renew them all, and return those that are lost."""
        began_at, run_ids = time.monotonic(), list(self._in_hand())
        lost: frozenset[UUID] = frozenset()
        if run_ids:
            heartbeat = await for_leases(Run.objects.renew, self._worker, run_ids)
            lost = heartbeat.lost
        else:  # all the same, so that nothing is claimed that could not be renewed
            await for_leases(Run.objects.expired().exists)
        self._renewed_at = began_at
        return lost

    @property
    def may_have_run_out(self) -> bool:
        """Whether other workers may have taken up what this one has in hand."""
        return time.monotonic() - self._renewed_at > self._seconds

    async def take_up(self) -> None:
        """Close the runs whose leases have run out, so that they go on elsewhere."""
        await self.renew()
        expired = await for_leases(lambda: list(Run.objects.expired()))
        await for_leases(Run.objects.clear_expired)
        self._note_a_pause()
        if time.monotonic() - self._held_up_at < self._seconds / 2:
            return  # others renew theirs three times a lease
        await for_leases(book_unanswered)
        for run in expired:
            if run.worker == self._worker:
                await self._return(run)
            elif await for_leases(runs.expire, run):
                log.warning("Run %s of %s ran out of its lease.", run.pk, run.worker)

    def _note_a_pause(self) -> None:
        now = time.monotonic()
        if now - self._looked_at > self._seconds / 2:
            self._held_up_at = now
        self._looked_at = now

    async def _return(self, run: Run) -> None:
        """Give up a run of this very worker that it has not in hand any more."""
        if run.pk in self._in_hand():
            return
        try:
            await for_leases(runs.hand_over, run, reason=UNWRITTEN)
        except LeaseLost:
            return
        await for_leases(run.release_lease, self._worker)
