"""Does in rows what the engine says is next: each time one run, under its row's lock, in one transaction.

Locks are taken in one order, everywhere: a task's row, then its workflow run's, then budgets.
So this takes the tasks that wait for an approval, which it may start, before the run.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ledger.budgets import BudgetExceeded
from tasks import lifecycle, pubsub
from tasks.exceptions import Refused
from tasks.models import StepRun, Task, Workflow, WorkflowRun
from tasks.models.task_status import FINAL
from tasks.workflows import engine, states, step_tasks
from tasks.workflows.definition import Definition
from tasks.workflows.definition_reader import parse
from tasks.workflows.engine import Key, StepState, StepStatus
from tasks.workflows.graph import make_graph

AT_ONCE = 20
# A worker confirms a cancel within a second; one that is gone, when its lease has run out.
LOOK_AGAIN = timedelta(seconds=5)


def sweep() -> datetime | None:
    """Advance the runs that are due, some at a time; return when to look again.

    None: only the end of a step, or a person, gives anything to do.
    """
    due = WorkflowRun.objects.due().values_list("pk", flat=True)[:AT_ONCE]
    for run_id in list(due):
        try:
            advance(run_id)
        except Exception:
            _postpone(run_id)  # so that it does not hold up the others
            raise
    return WorkflowRun.objects.next_due_at()


def _postpone(run_id: UUID) -> None:
    later = timezone.now() + timedelta(minutes=1)
    WorkflowRun.objects.due().filter(pk=run_id).update(due_at=later)


def advance(run_id: UUID) -> bool:
    """Bring a due run as far as it goes now; False if it is not due, or in other hands."""
    with transaction.atomic():
        held = _hold_waiting_tasks(run_id)
        due = WorkflowRun.objects.select_for_update(skip_locked=True).due()
        run = due.filter(pk=run_id).first()
        if run is None:
            return False
        to_cancel = _Advance(run, held).perform()
    for task in to_cancel:
        lifecycle.cancel(task, by="the workflow")
    return True


def _hold_waiting_tasks(run_id: UUID) -> set[UUID]:
    waiting = Task.objects.filter(workflow_run=run_id, status=Task.Status.PLANNED)
    held = waiting.order_by("pk").select_for_update()
    return set(held.values_list("pk", flat=True))


class _Advance:
    def __init__(self, run: WorkflowRun, held: set[UUID]) -> None:
        self.run = run
        self.held = held
        self.definition: Definition = parse(run.definition)
        self.graph = make_graph(self.definition)
        self.steps = {
            states.key_of(step): step for step in states.current_steps(run.pk)
        }

    def perform(self) -> list[Task]:
        """Do what is next, and return the tasks to cancel once this is written."""
        now = states.update_steps(list(self.steps.values()))
        self.run.due_at = None
        if self.run.status == WorkflowRun.Status.STOPPED:
            to_cancel = self._live_tasks()
        else:
            to_cancel = self._find_denied_tasks()
            self._reopen(now)
            if self.run.is_live:
                self._decide(now)
        if to_cancel and self.run.due_at is None:
            # Until all are cancelled, even if this worker is killed before it has done it.
            self.run.due_at = timezone.now() + LOOK_AGAIN
        self.run.save(
            update_fields=["status", "stop_reason", "reason", "due_at", "finished_at"]
        )
        return to_cancel

    def _live_tasks(self) -> list[Task]:
        tasks = (step.task for step in self.steps.values())
        return [task for task in tasks if task and task.status not in FINAL]

    def _find_denied_tasks(self) -> list[Task]:
        """Return the tasks that stay planned for ever: their approval was denied."""
        return [
            step.task
            for step in self.steps.values()
            if step.task
            and step.task.status == Task.Status.PLANNED
            and step.status == StepRun.Status.FAILED
        ]

    def _reopen(self, now: dict[Key, StepState]) -> None:
        """Go on with a run that had ended, when somebody has resumed the task of a step."""
        is_at_work = any(state.status is StepStatus.RUNNING for state in now.values())
        if self.run.is_live or not is_at_work:
            return
        ended = [Workflow.Status.COMPLETED, Workflow.Status.FAILED]
        last = _select_workflow(self.run).filter(status__in=ended)
        if last.update(status=Workflow.Status.ACTIVE, updated_at=timezone.now()):
            reopen(self.run)

    # --- What the engine says ---------------------------------------------------------

    def _decide(self, now: dict[Key, StepState]) -> None:
        decision = engine.decide(
            self.definition,
            self._add_result_of_loop(now),
            now=timezone.now(),
            started_at=self.run.created_at,
            is_paused=self.run.status == WorkflowRun.Status.PAUSED,
            approved=self._find_approved_before(),
        )
        for key in decision.complete:
            self._complete(key)
        for key in decision.delay:
            self._delay(key)
        for key in decision.ask:
            self._ask(key)
        self._start_all(decision.start)
        if decision.end:
            self._end(decision.end)
        elif decision.delay:
            self.run.due_at = timezone.now()  # to learn when to look again
        elif self.run.due_at is None:
            self.run.due_at = decision.wake_at

    def _add_result_of_loop(self, now: dict[Key, StepState]) -> dict[Key, StepState]:
        if self.definition.loop is None or not now:
            return now
        last = max(now, key=lambda key: key[1])
        if now[last].status is not StepStatus.COMPLETED:
            return now
        result = states.read_result(self.steps[last])
        return {**now, last: StepState(StepStatus.COMPLETED, result=result)}

    def _find_approved_before(self) -> set[Key]:
        if not any(step.requires_approval for step in self.definition.steps):
            return set()
        earlier = StepRun.objects.filter(
            run=self.run, is_retried=True, approval__status="allowed"
        )
        return set(earlier.values_list("step_id", "iteration"))

    def _complete(self, key: Key) -> None:
        StepRun.objects.filter(pk=self.steps[key].pk).update(
            status=StepRun.Status.COMPLETED, finished_at=timezone.now()
        )

    def _delay(self, key: Key) -> None:
        delay = self.graph[key[0]].step.delay or timedelta()
        self._write(
            key,
            status=StepRun.Status.DELAYED,
            delayed_until=timezone.now() + delay,
        )

    def _ask(self, key: Key) -> None:
        node = self.graph[key[0]]
        task = step_tasks.make_task(self.run, self.definition, node.step, key[1])
        before = [self.steps[name, 0] for name in node.reads if (name, 0) in self.steps]
        approval = step_tasks.ask_approval(
            self.run,
            task,
            node.step,
            before=states.read_result(before[-1]) if before else "",
        )
        self._write(
            key,
            status=StepRun.Status.WAITING_APPROVAL,
            task=task,
            approval=approval,
        )

    def _start_all(self, keys: tuple[Key, ...]) -> None:
        """Start each step whole or not at all; what refuses one pauses the run."""
        for key in keys:
            try:
                with transaction.atomic():
                    self._start(key)
            except (Refused, BudgetExceeded) as error:
                name = self.graph[key[0]].step.name
                pause(self.run, f"The step “{name}” could not start: {error}")
                return

    def _start(self, key: Key) -> None:
        step = self.steps.get(key)
        if step is None:
            definition = self.graph[key[0]].step
            task = step_tasks.make_task(self.run, self.definition, definition, key[1])
            self._write(key, status=StepRun.Status.RUNNING, task=task)
        elif step.task is None or step.task.pk not in self.held:
            self.run.due_at = (
                timezone.now()
            )  # it came meanwhile: lock it first, next time
            return
        else:
            task = step.task
            StepRun.objects.filter(pk=step.pk).update(
                status=StepRun.Status.RUNNING, started_at=timezone.now()
            )
        lifecycle.execute(task, by=self.run.created_by or "the workflow")

    def _write(self, key: Key, **columns: object) -> None:
        before = StepRun.objects.filter(
            run=self.run, step_id=key[0], iteration=key[1]
        ).count()
        StepRun.objects.create(
            run=self.run,
            step_id=key[0],
            iteration=key[1],
            attempt=before + 1,
            **columns,
        )

    def _end(self, end: engine.End) -> None:
        self.run.status = WorkflowRun.Status(end.status)
        self.run.stop_reason = end.stop_reason or ""
        self.run.reason = end.reason
        self.run.finished_at = timezone.now()
        set_status(self.run, Workflow.Status(end.status))
        transaction.on_commit(pubsub.wake_workers)  # a schedule may wait for it


# --- Moves of a run whose row the caller holds --------------------------------------------


def pause(run: WorkflowRun, reason: str, *, stop_reason: str = "") -> None:
    """Let no further step start. The caller saves the run."""
    run.status = WorkflowRun.Status.PAUSED
    run.reason = reason
    run.stop_reason = stop_reason
    set_status(run, Workflow.Status.PAUSED)


def reopen(run: WorkflowRun) -> None:
    """Let a run go on. The caller saves the run."""
    run.status = WorkflowRun.Status.ACTIVE
    run.reason = run.stop_reason = ""
    run.finished_at = None
    set_status(run, Workflow.Status.ACTIVE)


def set_status(run: WorkflowRun, status: Workflow.Status) -> None:
    """Write the status of the workflow, of which this is the last run."""
    _select_workflow(run).update(status=status, updated_at=timezone.now())


def _select_workflow(run: WorkflowRun) -> QuerySet[Workflow]:
    """Return the workflow of which this is the last run; none if it is gone, or ran again."""
    return Workflow.objects.filter(runs=run.pk, run_number=run.number)
