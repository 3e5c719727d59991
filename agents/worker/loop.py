"""The worker: claims runs, performs many at once, keeps their leases, takes up lost ones.

Rings come over Channels and only make it quick. All that matters it finds in the tables
by itself, at a glance that it takes twice a second.
"""

import asyncio
import logging
import os
import secrets
import socket
import time
from typing import Any
from uuid import UUID

from channels.worker import Worker as ChannelsWorker
from django.conf import settings

from agents import runtimes
from agents.worker import leftovers
from agents.worker.chores import PASSING, Chores
from agents.worker.database import in_database
from agents.worker.execution import Execution, Stop
from agents.worker.isolation import PoisonRuns
from agents.worker.leases import Leases
from agents.worker.presence import Presence
from agents.worker.run_updates import look_up_updates
from agents.worker.schedules import ScheduleSweep
from agents.worker.warm_up import warm_up
from agents.worker.workflows import SHORTEST_REST_SECONDS, WorkflowSweep
from agents.workspaces import sandbox
from tasks import catalog, pubsub
from tasks.models import Run

log = logging.getLogger(__name__)

POLL_SECONDS = 0.4  # a cancel whose ring was lost waits for two: less than a second
GRACE_SECONDS = 5.0
CLEANING_SECONDS = 5.0
# Runs that are claimed in one transaction, which keeps others from writing.
MOST_AT_ONCE = 16
REJOIN_SECONDS = 600  # groups of channels_redis forget their members after a day


async def _no_application(*asgi: Any) -> None:
    """Channels hands messages to an application; ours only wake the worker."""


class Worker(ChannelsWorker):
    """Performs runs until it is told to stop."""

    def __init__(
        self,
        *,
        channel_layer: Any,
        concurrency: int | None = None,
        lease: float | None = None,
    ) -> None:
        super().__init__(_no_application, channels=[], channel_layer=channel_layer)
        # New for every process, so that no other is ever taken for it.
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.concurrency = concurrency or settings.STAGENT_WORKER_CONCURRENCY
        self.lease = lease or settings.STAGENT_LEASE_SECONDS
        self.executions: dict[UUID, Execution] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self._rung = asyncio.Event()
        self._may_have_updates = False
        self._looked_after_at = float("-inf")
        self._stopping = False
        self._leases = Leases(self.name, self.lease, lambda: self.executions)
        self._chores = Chores()
        self._schedules = ScheduleSweep()
        self._poison_runs = PoisonRuns()
        self._workflows = WorkflowSweep()
        self._presence = Presence(
            self.name, lease_seconds=self.lease, concurrency=self.concurrency
        )

    async def handle(self) -> None:
        """Work until `stop()`; ends when every run is finished or handed over."""
        pubsub.use_loop(asyncio.get_running_loop())
        await asyncio.to_thread(sandbox.kill_strays)
        self._begin_chores()
        log.info(
            "Worker %s performs up to %d runs at once.", self.name, self.concurrency
        )
        try:
            while not self._stopping:
                await self._chores.forgiving("look for work", self._poll)
                await self._chores.forgiving("fire schedules", self._schedules.look)
                await self._rest()
            while self.tasks:
                await asyncio.wait(self.tasks)
            await self._poison_runs.ended()
        finally:
            await self._chores.end()
            await self._chores.forgiving(
                "tell that this worker is gone", self._presence.leave
            )
            await runtimes.close()

    def _begin_chores(self) -> None:
        self._keep_leases()
        self._chores.repeat(
            "tell that this worker is here",
            self._presence.announce,
            every_seconds=self.lease / 3,
        )
        self._chores.repeat(
            "take up lost runs", self._leases.take_up, every_seconds=self.lease / 6
        )
        self._chores.repeat(
            "remove what deleted tasks left",
            leftovers.remove_due,
            every_seconds=CLEANING_SECONDS,
        )
        self._chores.repeat(
            "advance workflows",
            self._workflows.advance,
            every_seconds=SHORTEST_REST_SECONDS,
        )
        self._chores.start(warm_up())

    def _keep_leases(self) -> None:
        # Whatever comes over it: rings are heard again a moment later.
        self._chores.repeat(
            "hear the rings (the table is looked at)",
            self._hear,
            every_seconds=POLL_SECONDS,
        )
        self._chores.repeat("renew leases", self._renew, every_seconds=self.lease / 3)
        self._chores.repeat(
            "watch leases", self._watch_leases, every_seconds=self.lease / 6
        )

    async def stop(self, *, grace: float = GRACE_SECONDS) -> None:
        """Claim no more, let runs end for `grace` seconds, then hand the rest over."""
        self._stopping = True
        self._rung.set()
        log.info(
            "Stopping: %d runs have %g s to end by themselves.", len(self.tasks), grace
        )
        self._poison_runs.stop()
        for execution in list(self.executions.values()):
            execution.worker_is_stopping = True
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=grace)
        for execution in list(self.executions.values()):
            execution.stop(Stop.HANDED_OVER)
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=GRACE_SECONDS)
        for execution in list(self.executions.values()):
            execution.give_up()

    # --- Rings -------------------------------------------------------------------------

    def wake(self) -> None:
        self._may_have_updates = True
        self._rung.set()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(
                min(POLL_SECONDS, self._schedules.seconds_left())
            ):
                await self._rung.wait()
        except TimeoutError:
            pass
        self._rung.clear()

    async def _hear(self) -> None:
        channel = await self.channel_layer.new_channel()
        joined_at = float("-inf")
        while True:
            if time.monotonic() - joined_at > REJOIN_SECONDS:
                await self.channel_layer.group_add(pubsub.WORKERS, channel)
                joined_at = time.monotonic()
            try:
                async with asyncio.timeout(REJOIN_SECONDS):
                    message = await self.channel_layer.receive(channel)
            except TimeoutError:
                continue
            self._rang(message)

    def _rang(self, message: dict[str, Any]) -> None:
        self._schedules.wake()
        if message["type"] != "task.cancel":
            self._rung.set()
            self._workflows.wake()
            self._may_have_updates |= any(
                e.is_waiting for e in self.executions.values()
            )
        elif UUID(message["run_id"]) in self.executions:
            self.wake()

    # --- Work --------------------------------------------------------------------------

    async def _poll(self) -> None:
        # Each end of a run and each new one rings: that is no reason to ask after all others.
        now = time.monotonic()
        if self._may_have_updates or now - self._looked_after_at >= POLL_SECONDS:
            self._may_have_updates, self._looked_after_at = False, now
            await self._look_after()
        await self._claim()

    async def _claim(self) -> None:
        if self._leases.may_have_run_out:
            return  # what it takes it could not keep
        while not self._stopping and (free := self.concurrency - self._busy()) > 0:
            places = settings.STAGENT_AGENT_PROCESSES - self._processes()
            limit = _at_once(min(free, places) if places > 0 else free)
            without = () if places > 0 else catalog.PROCESS_RUNTIMES
            claimed = await in_database(
                Run.objects.claim_due, self.name, limit, without=without
            )
            for run in claimed:
                self._perform(run)
            if len(claimed) < limit:
                break
        if not self._stopping:
            await self._poison_runs.look()

    def _busy(self) -> int:
        # Who waits for a person, perhaps for days, takes nobody's place.
        return sum(not execution.is_waiting for execution in self.executions.values())

    def _processes(self) -> int:
        """Count the agents that are processes: those have their memory while they wait too."""
        return sum(
            execution.run.runtime in catalog.PROCESS_RUNTIMES
            for execution in self.executions.values()
        )

    def _perform(self, run: Run) -> None:
        execution = Execution(run)
        self.executions[run.pk] = execution
        task = execution.start()
        self.tasks.add(task)
        if self._stopping:
            execution.stop(Stop.HANDED_OVER)  # claimed while the signal came
        task.add_done_callback(lambda done: self._ended(run.pk, done))

    def _ended(self, run_id: UUID, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self.executions.pop(run_id, None)
        self._schedules.wake()  # it may have been a firing
        if not task.cancelled() and (error := task.exception()):
            # Nothing could be written: the lease will expire, and the run is taken up again.
            log.error("Run %s could not be concluded", run_id, exc_info=error)
        self._rung.set()

    async def _look_after(self) -> None:
        """Hear of cancels, lost leases and answers for the runs in hand."""
        if not self.executions:
            return
        waiting = {
            request_id: execution.gate
            for execution in self.executions.values()
            if execution.gate
            for request_id in execution.gate.waiting_for
        }
        news = await in_database(look_up_updates, list(self.executions), list(waiting))
        for run_id, execution in list(self.executions.items()):
            if run_id in news.cancelled:
                execution.stop(Stop.CANCELLED)
            elif run_id not in news.held:
                execution.stop(Stop.LOST)
        for gate in {waiting[request_id] for request_id in news.answered}:
            gate.ring()

    # --- Leases ------------------------------------------------------------------------

    async def _renew(self) -> None:
        for run_id in await self._leases.renew():
            if execution := self.executions.get(run_id):
                execution.stop(Stop.LOST)

    async def _watch_leases(self) -> None:
        """Stop all runs when their leases have run out and cannot be renewed."""
        if not self._leases.may_have_run_out:
            return
        try:  # after a pause of this process, that is all there is to do
            async with asyncio.timeout(self.lease / 3):
                await self._renew()
        except (TimeoutError, *PASSING):
            held = list(self.executions.values())
            if stopped := sum(execution.stop(Stop.LOST) for execution in held):
                log.warning(
                    "Leases have run out and cannot be renewed: %d runs stop.", stopped
                )


def _at_once(limit: int) -> int:
    """Return how many runs to claim in a transaction: a power of two, and not for long."""
    return min(MOST_AT_ONCE, 1 << limit.bit_length() - 1)
