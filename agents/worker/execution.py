"""One run, from its claim to its outcome. Only here does a failure become a status."""

import asyncio
import enum
import logging
import traceback
from contextlib import aclosing
from dataclasses import replace

from django import db

from agents import runtimes
from agents.protocol import events
from agents.protocol.cancellation import run_to_end
from agents.protocol.runtime import AgentKilled, Parked, RuntimeFailed
from agents.protocol.structured_output import OutputMismatched, StructuredOutput
from agents.worker.assignments import PreparedRun, copy_files, prepare_run
from agents.worker.budget_requests import ask_for_budget
from agents.worker.database import retry_until_written, run_in_database
from agents.worker.documents import read_now
from agents.worker.inbox import RunInbox
from agents.worker.log_entries import make_storable
from agents.worker.permissions import ClosedGate, Gate
from agents.worker.recorder import UNBOOKABLE, Recorder
from agents.worker.silence import perform_watched
from agents.worker.spending import BudgetUsedUp, RunSpending
from agents.worker.tracing import traced
from tasks.exceptions import LeaseLost
from tasks.files.keeping import has_outputs, keep_outputs
from tasks.lifecycle import runs
from tasks.lifecycle.runs import Outcome
from tasks.models import Run, Task
from tasks.observability import log_context

log = logging.getLogger(__name__)
# Shown in JSON only: people look at the task's own log.
run_log = logging.getLogger("agents.runs")

NOT_RENEWED = "The worker could not renew its lease in time; the run is taken up again."


class Stop(enum.Enum):
    """Why a worker stops a run that has not ended by itself."""

    CANCELLED = "a person cancelled it"
    LOST = "the lease is lost"
    HANDED_OVER = "the worker is stopping"


class OutcomeNotWritten(Exception):
    """The outcome of a run is not written: the database is away, and the worker must exit."""


# None: the run was stopped, or this worker no longer holds it.
Ending = Outcome | Parked | AgentKilled | None


class Execution:
    """A run that this worker performs."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.recorder = Recorder(run)
        self.gate: Gate | None = None
        self.inbox: RunInbox | None = None
        self.worker_is_stopping = False
        self._stop: Stop | None = None
        self._task: asyncio.Task[None] | None = None
        self._has_begun = False
        self._is_concluding = False
        self._is_given_up = False

    @property
    def is_waiting(self) -> bool:
        """Whether the run only waits for a person."""
        return self.gate is not None and bool(self.gate.waiting_for)

    def _is_stopped(self) -> bool:
        return self._stop is not None

    def start(self) -> asyncio.Task[None]:
        """Start to perform the run in a task of its own."""
        self._task = asyncio.create_task(self._perform(), name=f"run {self.run.pk}")
        return self._task

    def stop(self, reason: Stop) -> bool:
        """Stop the run for this reason; return False if it is being stopped already."""
        if self._stop is not None or self._task is None:
            return False
        self._stop = reason
        if self.gate:
            self.gate.is_stopping = True
        # A task that is cancelled before its first step would never write its outcome. One
        # that is writing it has stopped everything else already.
        if self._has_begun and not self._is_concluding:
            self._task.cancel()
        return True

    def give_up(self) -> None:
        """Try only once more to write the outcome: the worker must exit."""
        self._is_given_up = True

    async def receive_messages(self, sequence: int) -> None:
        """Give the agent what people have said up to the message with this number."""
        inbox = self.inbox
        if inbox and inbox.is_behind(sequence):
            inbox.put(await run_in_database(inbox.read))

    async def _perform(self) -> None:
        self._has_begun = True
        log_context.add(
            worker=self.run.worker, run_id=self.run.pk, task_id=self.run.task_id
        )
        run_log.info("Run begins.", extra={"runtime": self.run.runtime})
        outcome: Ending = None
        try:
            outcome = await self._find_outcome()
        except LeaseLost:
            self._stop = Stop.LOST
        finally:
            # Retried for as long as it takes: an outcome that is not written is lost.
            self._is_concluding = True
            await retry_until_written(self._conclude, outcome)
            run_log.info("Run ends.", extra={"outcome": self._outcome_name(outcome)})

    async def _find_outcome(self) -> Ending:
        """Perform the run; None means that there is nothing to write any more."""
        if self._is_stopped():
            return self._find_stop_outcome()
        try:
            result = await self._find_result()
        except asyncio.CancelledError:
            if not self._is_stopped():
                raise
            return self._find_stop_outcome()
        except LeaseLost:
            raise
        except (Parked, AgentKilled) as ending:
            return ending
        except RuntimeFailed as error:
            said = error.text if isinstance(error, OutputMismatched) else None
            return Outcome(Task.Status.FAILED, str(error), said, error=str(error))
        except Exception as error:
            # The one broad except: whatever went wrong, the task must not stay running.
            log.exception(
                "Run %s failed", self.run.pk, extra=log_context.make_extra("perform")
            )
            message = f"The run failed unexpectedly: {type(error).__name__}: {error}"
            return Outcome(
                Task.Status.FAILED,
                message,
                error=message,
                traceback=traceback.format_exc(),
            )
        return Outcome(Task.Status.COMPLETED, "Completed.", result=result)

    async def _find_result(self) -> str:
        result = await self._work_within_budgets()
        if has_outputs(self.run.task_id):
            await retry_until_written(keep_outputs, self.run.task_id)
        return result

    async def _work_within_budgets(self) -> str:
        while True:
            try:
                return await self._work()
            except BudgetUsedUp as used_up:
                if not used_up.is_to_ask:
                    raise
                # Once more, from the checkpoint: `_work` asks before it begins.

    def _find_stop_outcome(self) -> Outcome | None:
        if self._stop is Stop.CANCELLED:
            return Outcome(Task.Status.CANCELLED, "Cancelled.")
        return None

    def _outcome_name(self, outcome: Ending) -> str:
        if isinstance(outcome, Outcome):
            return outcome.status
        return self._stop.name.lower() if self._stop else type(outcome).__name__.lower()

    def _conclude(self, outcome: Ending) -> None:
        try:
            self._write_end(outcome)
        except db.Error as error:
            if self._is_given_up:
                unbooked = self.recorder.unbooked
                raise OutcomeNotWritten(f"Used and not booked: {unbooked}") from error
            raise

    def _write_end(self, outcome: Ending) -> None:
        try:
            self.recorder.book_unfinished()
            self._write_outcome(outcome)
        except LeaseLost:
            self._stop = Stop.LOST
        finally:
            if self._stop is Stop.LOST:
                log.info(
                    "Run %s lost its lease and was stopped.",
                    self.run.pk,
                    extra=log_context.make_extra("stop"),
                )
            self.run.release_lease(self.run.worker)

    def _write_outcome(self, outcome: Ending) -> None:
        if isinstance(outcome, Parked):
            reason = make_storable(outcome.reason)
            runs.park(self.run, reason=reason, seconds=outcome.seconds)
        elif isinstance(outcome, AgentKilled) and self.worker_is_stopping:
            # It got the same signal to stop as this worker.
            runs.hand_over(self.run)
        elif isinstance(outcome, AgentKilled):
            runs.take_up_again(self.run, reason=make_storable(str(outcome)))
        elif outcome is not None:
            runs.finish(self.run, _make_storable(outcome))
        elif self._stop is Stop.HANDED_OVER:
            runs.hand_over(self.run)
        elif self._stop is Stop.LOST:
            # Raises LeaseLost, unless no other worker has closed the run yet.
            runs.hand_over(self.run, reason=NOT_RENEWED)

    async def _work(self) -> str:
        prepared, gate, inbox = await retry_until_written(self._prepare)
        if prepared.unread:
            await read_now(prepared.unread)
            prepared, gate, inbox = await retry_until_written(self._prepare)
        self.gate, self.inbox = gate, inbox
        prepared = await run_to_end(asyncio.to_thread(copy_files, prepared))
        budget = prepared.budget_microdollars
        spending = RunSpending(self.recorder, budget_microdollars=budget)
        await ask_for_budget(spending, gate, self.recorder)
        assignment = replace(prepared.assignment, spending=spending, inbox=inbox)
        runtime = await runtimes.load_runtime(self.run.runtime)
        performance = perform_watched(runtime, assignment, gate.ask)
        performance = traced(self.run, assignment, performance)
        async with aclosing(performance):
            async for event in performance:
                if isinstance(event, events.Finished):
                    return await _find_result(event.text, assignment.output_schema)
                if isinstance(event, events.UsageEvent):
                    self.recorder.remember_usage(event)
                if isinstance(event, events.UsageSoFar):
                    await self._begin_request(event)
                elif not isinstance(event, events.Working):
                    await retry_until_written(self._record, event, spending)
        raise RuntimeFailed("The agent stopped without a result.")

    async def _begin_request(self, event: events.UsageSoFar) -> None:
        if event.is_estimated:
            await self._write_before_it_is_sent(event)
            return
        try:
            await run_in_database(self.recorder.begin_request, event)
        except (db.Error, *UNBOOKABLE) as error:
            # The recorder remembers it, and the reply goes on.
            log.warning(
                "Usage of run %s is not written down yet: %s: %s",
                self.run.pk,
                event,
                error,
                extra=log_context.make_extra("record"),
            )

    async def _write_before_it_is_sent(self, event: events.UsageSoFar) -> None:
        try:
            await retry_until_written(self.recorder.begin_request, event)
        except BaseException:  # a cancel too: it is not sent any more
            self.recorder.remember_usage(events.NothingUsed(event.key))
            raise

    def _prepare(self) -> tuple[PreparedRun, Gate, RunInbox]:
        prepared = prepare_run(self.run)
        inbox = RunInbox(self.run.task_id, prepared.assignment.workspace)
        inbox.put(inbox.read())
        kind = ClosedGate if prepared.assignment.is_question else Gate
        return prepared, kind(self.recorder, prepared.profile), inbox

    def _record(self, event: events.Recorded, spending: RunSpending) -> None:
        self.recorder.record(event)
        # Checked after a turn is safely written down and before the next request.
        if isinstance(event, events.CheckpointReached) and event.will_continue:
            spending.require_budget()


async def _find_result(text: str, schema: events.JSON | None) -> str:
    """Return what is written with the end of the run, or raise OutputMismatched."""
    if schema is None:
        return text
    return await StructuredOutput(schema).extract_result(text)


def _make_storable(outcome: Outcome) -> Outcome:
    """Make every text of the outcome fit for a database, so that its run can always end."""
    return replace(
        outcome,
        message=make_storable(outcome.message),
        result=make_storable(outcome.result),
        error=make_storable(outcome.error),
        traceback=make_storable(outcome.traceback),
    )
