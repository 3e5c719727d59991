"""One run, from claim to outcome. Here alone a failure becomes a status and a traceback."""

import asyncio
import enum
import logging
import traceback
from contextlib import aclosing
from dataclasses import replace

from django import db

from agents import events, runtimes
from agents.runtime import AgentKilled, Parked, RuntimeFailed
from agents.worker.assignments import Job, prepare
from agents.worker.database import in_database, until_written
from agents.worker.permissions import Gate
from agents.worker.recorder import UNBOOKABLE, Recorder, storable
from agents.worker.silence import attended
from agents.worker.spending import RunSpending
from tasks import runs
from tasks.exceptions import LeaseLost
from tasks.models import Run, Status
from tasks.runs import Outcome

log = logging.getLogger(__name__)

NOT_RENEWED = "The worker could not renew its lease in time; the run is taken up again."


class Stop(enum.Enum):
    """Why a worker stops a run that has not ended by itself."""

    CANCELLED = "a person cancelled it"
    LOST = "the lease is lost"
    HANDED_OVER = "the worker is stopping"


class GivenUp(Exception):
    """The end of a run is not written: the database does not answer, and the worker must go."""


# None: it was stopped, or is no longer ours.
Ending = Outcome | Parked | AgentKilled | None


class Execution:
    """A run that this worker performs."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.recorder = Recorder(run)
        self.gate: Gate | None = None
        self.worker_is_stopping = False
        self._stop: Stop | None = None
        self._task: asyncio.Task[None] | None = None
        self._has_begun = False
        self._is_concluding = False
        self._is_given_up = False

    @property
    def is_waiting(self) -> bool:
        """Whether it only waits for a person."""
        return self.gate is not None and bool(self.gate.waiting_for)

    def _was_stopped(self) -> bool:
        return self._stop is not None

    def start(self) -> asyncio.Task[None]:
        self._task = asyncio.create_task(self._perform(), name=f"run {self.run.pk}")
        return self._task

    def stop(self, reason: Stop) -> bool:
        """Stop it for this reason; False if it stops already."""
        if self._stop is not None or self._task is None:
            return False
        self._stop = reason
        if self.gate:
            self.gate.is_stopping = True
        # A task that is cancelled before its first step would never write its outcome, and
        # one that is at its last has stopped all else.
        if self._has_begun and not self._is_concluding:
            self._task.cancel()
        return True

    def give_up(self) -> None:
        """Try no longer than once more to write its end: the worker must go."""
        self._is_given_up = True

    async def _perform(self) -> None:
        self._has_begun = True
        outcome: Ending = None
        try:
            outcome = await self._outcome()
        except LeaseLost:
            self._stop = Stop.LOST
        finally:
            # For as long as it takes: what is written now is all that there is of the run.
            self._is_concluding = True
            await until_written(self._conclude, outcome)

    async def _outcome(self) -> Ending:
        """Perform the run; None means that there is nothing to write any more."""
        if self._was_stopped():
            return self._stopped()
        try:
            result = await self._work()
        except asyncio.CancelledError:
            if not self._was_stopped():
                raise
            return self._stopped()
        except LeaseLost:
            raise
        except (Parked, AgentKilled) as ending:
            return ending
        except RuntimeFailed as error:
            return Outcome(Status.FAILED, str(error), error=str(error))
        except Exception as error:
            # Whatever it was, the task must not stay running: the one broad except.
            log.exception("Run %s failed", self.run.pk)
            message = f"The run failed unexpectedly: {type(error).__name__}: {error}"
            return Outcome(
                Status.FAILED, message, error=message, traceback=traceback.format_exc()
            )
        return Outcome(Status.COMPLETED, "Completed.", result=result)

    def _stopped(self) -> Outcome | None:
        if self._stop is Stop.CANCELLED:
            return Outcome(Status.CANCELLED, "Cancelled.")
        return None

    def _conclude(self, outcome: Ending) -> None:
        try:
            self._end(outcome)
        except db.Error as error:
            if self._is_given_up:
                unbooked = self.recorder.in_hand
                raise GivenUp(f"Used and not booked: {unbooked}") from error
            raise

    def _end(self, outcome: Ending) -> None:
        try:
            self.recorder.book_broken_off()
            self._write(outcome)
        except LeaseLost:
            self._stop = Stop.LOST
        finally:
            if self._stop is Stop.LOST:
                log.info("Run %s is no longer ours: stopped.", self.run.pk)
            self.run.release_lease(self.run.worker)

    def _write(self, outcome: Ending) -> None:
        if isinstance(outcome, Parked):
            reason = storable(outcome.reason)
            runs.park(self.run, reason=reason, seconds=outcome.seconds)
        elif isinstance(outcome, AgentKilled) and self.worker_is_stopping:
            runs.hand_over(self.run)  # it was told to stop as we were
        elif isinstance(outcome, AgentKilled):
            runs.take_up_again(self.run, reason=storable(str(outcome)))
        elif outcome is not None:
            runs.finish(self.run, _storable(outcome))
        elif self._stop is Stop.HANDED_OVER:
            runs.hand_over(self.run)
        elif self._stop is Stop.LOST:  # unless nobody has taken it up yet
            runs.hand_over(self.run, reason=NOT_RENEWED)

    async def _work(self) -> str:
        job, gate = await until_written(self._begin)
        self.gate = gate
        budget = job.budget_microdollars
        spending = RunSpending(self.recorder, budget_microdollars=budget)
        assignment = replace(job.assignment, spending=spending)
        runtime = await runtimes.load(self.run.runtime)
        performance = attended(runtime, assignment, gate.ask)
        async with aclosing(performance):
            async for event in performance:
                if isinstance(event, events.Finished):
                    return event.text  # it is written with the end of the run
                if isinstance(event, events.UsageSoFar | events.UsageReported):
                    self.recorder.hold(event)
                if isinstance(event, events.UsageSoFar):
                    await self._begin_request(event)
                elif not isinstance(event, events.Working):
                    await until_written(self._record, event, spending)
        raise RuntimeFailed("The agent stopped without a result.")

    async def _begin_request(self, event: events.UsageSoFar) -> None:
        try:
            await in_database(self.recorder.begin, event)
        except (
            db.Error,
            *UNBOOKABLE,
        ) as error:  # the recorder holds it; the answer comes on
            log.warning(
                "Of run %s %s is not written down: %s", self.run.pk, event, error
            )

    def _begin(self) -> tuple[Job, Gate]:
        job = prepare(self.run)
        return job, Gate(self.recorder, job.profile)

    def _record(self, event: events.Recorded, spending: RunSpending) -> None:
        self.recorder.record(event)
        # Between a turn that is safely written down and the request for the next one.
        if isinstance(event, events.CheckpointReached) and event.will_continue:
            spending.check()


def _storable(outcome: Outcome) -> Outcome:
    """Make what an agent wrote fit for a database, so that its run can always end."""
    return replace(
        outcome,
        message=storable(outcome.message),
        result=storable(outcome.result),
        error=storable(outcome.error),
        traceback=storable(outcome.traceback),
    )
