"""The worker: claims runs, performs many at once, renews their leases, closes expired ones.

Messages come over Channels and only save time. The worker polls the tables more than twice
a second, and finds everything that matters there even if no message arrives.
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
from agents.worker import documents, expiry, leftovers, schedules, webhooks
from agents.worker.capacity import choose_batch_size, count_busy, count_processes
from agents.worker.chores import PASSING, Chores
from agents.worker.database import run_in_database
from agents.worker.execution import Execution, Stop
from agents.worker.isolation import PoisonRuns
from agents.worker.leases import Leases
from agents.worker.messages import receive_messages
from agents.worker.model_lists import LOOKING_SECONDS, keep_lists
from agents.worker.presence import Presence
from agents.worker.pruning import NightlyPruning
from agents.worker.run_updates import apply_updates
from agents.worker.schedules import ScheduleSweep
from agents.worker.warm_up import warm_up
from agents.worker.workflows import MIN_WAIT_SECONDS, WorkflowSweep
from tasks import catalog, pubsub
from tasks.models import Run
from tasks.observability import log_context

log = logging.getLogger(__name__)

# A cancel whose message was lost waits for two polls at most: less than a second.
POLL_SECONDS = 0.4
GRACE_SECONDS = 5.0
READING_SECONDS = 2.0
CLEAN_UP_SECONDS = 5.0
PRUNING_SECONDS = 60.0  # how late a night may begin


async def _ignore_messages(*asgi: Any) -> None:
    """Take the place of the application that Channels would hand messages to.

    Ours only wake the worker, which receives them itself.
    """


class Worker(ChannelsWorker):
    """Performs runs until it is told to stop."""

    def __init__(
        self,
        *,
        channel_layer: Any,
        concurrency: int | None = None,
        lease: float | None = None,
    ) -> None:
        super().__init__(_ignore_messages, channels=[], channel_layer=channel_layer)
        # The random part keeps a later process with the same id from being taken for this one.
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.concurrency = concurrency or settings.STAGENT_WORKER_CONCURRENCY
        self.lease = lease or settings.STAGENT_LEASE_SECONDS
        self.executions: dict[UUID, Execution] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._may_have_updates = False
        self._updated_at = float("-inf")
        self._stopping = False
        self._leases = Leases(self.name, self.lease, lambda: self.executions)
        self._chores = Chores()
        self._schedules = ScheduleSweep()
        self._poison_runs = PoisonRuns()
        self._workflows = WorkflowSweep()
        self._pruning = NightlyPruning()
        self._webhooks = webhooks.WebhookSender()
        self.presence = Presence(
            self.name, lease_seconds=self.lease, concurrency=self.concurrency
        )

    async def handle(self) -> None:
        """Work until `stop()`; ends when every run is finished or handed over."""
        pubsub.use_loop(asyncio.get_running_loop())
        log_context.add(worker=self.name)
        await leftovers.clear_up(self._chores)
        self._start_chores()
        log.info(
            "Worker %s performs up to %d runs at once.",
            self.name,
            self.concurrency,
            extra=log_context.make_extra("start", worker=self.name),
        )
        try:
            while not self._stopping:
                await self._chores.try_once("look for work", self._poll)
                await self._chores.try_once("fire schedules", self._schedules.fire_due)
                await self._wait_for_work()
            while self.tasks:
                await asyncio.wait(self.tasks)
            await self._poison_runs.wait_until_ended()
        finally:
            await self._chores.end()
            await self._webhooks.close()
            await self._chores.try_once(
                "record that this worker is gone", self.presence.leave
            )
            await runtimes.close_runtimes()

    def _start_chores(self) -> None:
        self._keep_leases()
        self._chores.repeat(
            "record that this worker is here",
            self.presence.announce,
            every_seconds=self.lease / 3,
        )
        self._chores.repeat(
            "close expired runs",
            self._leases.close_expired,
            every_seconds=self.lease / 6,
        )
        self._chores.repeat(
            "remove what deleted tasks left",
            leftovers.remove_due,
            every_seconds=CLEAN_UP_SECONDS,
        )
        self._chores.repeat(
            "remove old firings of schedules",
            schedules.remove_old,
            every_seconds=schedules.REMOVING_SECONDS,
        )
        self._chores.repeat(
            "read documents", documents.read_waiting, every_seconds=READING_SECONDS
        )
        self._chores.repeat(
            "advance workflows",
            self._workflows.advance,
            every_seconds=MIN_WAIT_SECONDS,
        )
        self._chores.repeat(
            "send webhooks",
            self._webhooks.look,
            every_seconds=webhooks.SENDING_SECONDS,
        )
        self._chores.repeat(
            "remove old events and entries of the audit",
            expiry.remove_old,
            every_seconds=webhooks.REMOVING_SECONDS,
        )
        self._chores.repeat("prune", self._pruning.look, every_seconds=PRUNING_SECONDS)
        self._chores.repeat("list models", keep_lists, every_seconds=LOOKING_SECONDS)
        self._chores.start(warm_up())

    def _keep_leases(self) -> None:
        # Restarted a moment later, whatever stops it.
        self._chores.repeat(
            "receive messages (the tables are polled)",
            self._receive_messages,
            every_seconds=POLL_SECONDS,
        )
        self._chores.repeat("renew leases", self._renew, every_seconds=self.lease / 3)
        self._chores.repeat(
            "watch leases", self._watch_leases, every_seconds=self.lease / 6
        )

    async def stop(self, *, grace: float = GRACE_SECONDS) -> None:
        """Claim no more, let runs end for `grace` seconds, then hand the rest over."""
        self._stopping = True
        self._woken.set()
        log.info(
            "Stopping: %d runs have %g s to end by themselves.",
            len(self.tasks),
            grace,
            extra=log_context.make_extra("stop", worker=self.name),
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

    # --- Messages ----------------------------------------------------------------------

    def wake(self) -> None:
        """Poll at once: a run in hand may have been cancelled or told, or a request decided."""
        self._may_have_updates = True
        self._woken.set()

    async def _wait_for_work(self) -> None:
        try:
            async with asyncio.timeout(
                min(POLL_SECONDS, self._schedules.seconds_left())
            ):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _receive_messages(self) -> None:
        await receive_messages(self.channel_layer, self._handle_message)

    def _handle_message(self, message: dict[str, Any]) -> None:
        self._schedules.wake()
        if run_id := message.get("run_id"):
            if UUID(run_id) in self.executions:
                self.wake()
            return
        self._woken.set()
        self._workflows.wake()
        self._may_have_updates |= any(e.is_waiting for e in self.executions.values())

    # --- Work --------------------------------------------------------------------------

    async def _poll(self) -> None:
        # A wake-up because another run was queued or ended is no reason to read updates.
        now = time.monotonic()
        if self._may_have_updates or now - self._updated_at >= POLL_SECONDS:
            self._may_have_updates, self._updated_at = False, now
            await apply_updates(self.executions)
        await self._claim()

    async def _claim(self) -> None:
        if self._leases.may_have_run_out:
            return  # it could not renew the leases of what it claims
        while (
            not self._stopping
            and (free := self.concurrency - count_busy(self.executions.values())) > 0
        ):
            places = settings.STAGENT_AGENT_PROCESSES - count_processes(
                self.executions.values()
            )
            limit = choose_batch_size(min(free, places) if places > 0 else free)
            without = () if places > 0 else catalog.PROCESS_RUNTIMES
            claimed = await run_in_database(
                Run.objects.claim_due, self.name, limit, without=without
            )
            for run in claimed:
                self._perform(run)
            if len(claimed) < limit:
                break
        if not self._stopping:
            await self._poison_runs.start_due()

    def _perform(self, run: Run) -> None:
        execution = Execution(run)
        self.executions[run.pk] = execution
        task = execution.start()
        self.tasks.add(task)
        if self._stopping:  # the signal came while the run was being claimed
            execution.stop(Stop.HANDED_OVER)
        task.add_done_callback(lambda done: self._forget_execution(run.pk, done))

    def _forget_execution(self, run_id: UUID, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self.executions.pop(run_id, None)
        self._schedules.wake()  # a schedule may have fired it, and wait for its end
        if not task.cancelled() and (error := task.exception()):
            # Nothing could be written: the lease will expire, and a new run goes on.
            log.error(
                "Run %s could not be concluded",
                run_id,
                exc_info=error,
                extra=log_context.make_extra(
                    "conclude", run_id=run_id, worker=self.name
                ),
            )
        self._woken.set()

    # --- Leases ------------------------------------------------------------------------

    async def _renew(self) -> None:
        for run_id in await self._leases.renew():
            if execution := self.executions.get(run_id):
                execution.stop(Stop.LOST)

    async def _watch_leases(self) -> None:
        """Stop all runs when their leases have run out and cannot be renewed."""
        if not self._leases.may_have_run_out:
            return
        try:  # enough after a pause of this process, such as a suspended laptop
            async with asyncio.timeout(self.lease / 3):
                await self._renew()
        except PASSING:  # a TimeoutError is an OSError
            held = list(self.executions.values())
            if stopped := sum(execution.stop(Stop.LOST) for execution in held):
                log.warning(
                    "Leases have run out and cannot be renewed: %d runs stop.",
                    stopped,
                    extra=log_context.make_extra("stop", worker=self.name),
                )
