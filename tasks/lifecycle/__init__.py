"""The verbs that move a task and its runs together.

Each is one transaction that takes the task's row first, writes a log entry and rings on
commit. The API, the admin and `manage.py` call these and nothing else. `tasks.lifecycle.runs` has the
worker's part.
"""

from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Max
from django.utils import timezone

from ledger import budgets
from tasks import catalog, exceptions, pubsub
from tasks.exceptions import InvalidTransition, NotResumable, Refused
from tasks.models import (
    MAX_RESUME_COUNT,
    EventType,
    Leftover,
    LogEntry,
    NewEntry,
    PermissionRequest,
    Run,
    Session,
    Status,
    Task,
)
from tasks.models.ids import new_id
from tasks.models.run import insert as insert_run
from tasks.models.run import next_attempt
from tasks.models.session import insert as insert_session
from tasks.models.task import FINAL
from tasks.models.workflow import mark_due

# Entries that are removed together with their task, which keeps others from writing.
SHORT_LOG = 1_000


def start_run(task: Task, *, by: str) -> Run:
    """Start a fresh run of a queued task.

    Raises InvalidTransition, Refused (runtime or profile) or BudgetExceeded.
    """
    if task.status != Status.QUEUED:
        raise _not_queued(task)
    runtime, profile = choose(task)
    with transaction.atomic():
        run_id = new_id()
        task.move_from(Status.QUEUED, Status.RUNNING, live_run=run_id, resume_count=0)
        tell_workflow(task)
        session = Session(task=task, runtime=runtime)
        insert_session(session)
        return queue_run(task, session, run_id=run_id, profile=profile, by=by)


def tell_workflow(task: Task) -> None:
    """Let the run of the workflow, of which `task` is a step, go on from what it has become."""
    if task.workflow_run is None:
        return
    mark_due(task.workflow_run)
    if task.status != Status.PLANNED:  # its approval is no longer waited for
        PermissionRequest.objects.pending().filter(task=task, run=None).withdraw()


def _not_queued(task: Task) -> InvalidTransition:
    message = f"Task must be queued to be executed; it is {task.status}."
    if task.status in {Status.PLANNED, Status.FAILED}:
        return InvalidTransition(message, exceptions.QUEUE)
    if task.status in FINAL:
        return InvalidTransition(message, exceptions.PLAN)
    return InvalidTransition(f"{message} It is in hand already.")


def queue(task: Task, *, by: str) -> None:
    """Queue a task; one that is completed or cancelled by way of planned, as the table says."""
    with transaction.atomic():
        if task.status in {Status.COMPLETED, Status.CANCELLED}:
            record_status(task, Status.PLANNED, by=by)
        record_status(task, Status.QUEUED, by=by)


def execute(task: Task, *, by: str) -> Run:
    """Start a fresh run of a planned or queued task: a planned one is queued first.

    One that is refused stays as it was. Raises what `start_run` does.
    """
    with transaction.atomic():
        if task.status == Status.PLANNED:
            queue(task, by=by)
        return start_run(task, by=by)


def run_again(task: Task, *, by: str) -> Run:
    """Start a task afresh that is not in hand, whatever became of it before.

    One that is refused stays as it was, its result with it. Raises what `start_run` does.
    """
    with transaction.atomic():
        if task.status not in {Status.QUEUED, Status.RUNNING}:
            queue(task, by=by)
        return start_run(task, by=by)


def resume(task: Task, *, by: str) -> Run:
    """Go on with a failed or cancelled task from its last checkpoint.

    Raises NotResumable, Refused (runtime or profile) or BudgetExceeded.
    """
    session = _session_to_resume(task)
    _, profile = choose(task, runtime=session.runtime)
    with transaction.atomic():
        run_id = new_id()
        resumable = Task.objects.filter(
            pk=task.pk, status__in=[Status.FAILED, Status.CANCELLED]
        )
        moved = resumable.filter(resume_count__lt=MAX_RESUME_COUNT).update(
            status=Status.RUNNING,
            live_run=run_id,
            resume_count=F("resume_count") + 1,
            updated_at=timezone.now(),
        )
        task.refresh_from_db()
        if not moved:
            raise NotResumable("Somebody else resumed the task first.")
        tell_workflow(task)
        return queue_run(
            task, session, run_id=run_id, profile=profile, by=by, is_resume=True
        )


def why_not_resumable(task: Task) -> str | None:
    """Say why a task cannot be resumed, in the admin's words; None if it can."""
    try:
        _session_to_resume(task)
    except NotResumable as error:
        return error.in_admin()
    return None


def _session_to_resume(task: Task) -> Session:
    if task.status not in {Status.FAILED, Status.CANCELLED}:
        raise NotResumable(
            f"Only failed and cancelled tasks can be resumed; it is {task.status}."
        )
    session = task.sessions.first()  # the last fresh start's
    if session is None or not session.has_checkpoint:
        raise NotResumable(
            "No session to resume: no run of this task has reached a checkpoint.",
            exceptions.START_AFRESH,
        )
    if task.resume_count >= MAX_RESUME_COUNT:
        raise NotResumable(
            f"Resume limit reached ({MAX_RESUME_COUNT}).", exceptions.START_AFRESH
        )
    if task.assigned_agent not in {"", session.runtime}:
        raise NotResumable(
            f"The session belongs to {session.runtime}, not to {task.assigned_agent}.",
            exceptions.START_AFRESH,
        )
    return session


def choose(task: Task, *, runtime: str = "") -> tuple[str, str]:
    """Return the runtime and the profile to run `task` with now, or raise Refused."""
    wanted = runtime or task.assigned_agent
    facts = catalog.runtime(wanted) if wanted else catalog.default_runtime()
    if facts is None:
        raise Refused("No runtime is ready.", exceptions.RUNTIMES)
    if not (readiness := facts.readiness()).is_ready:
        raise Refused(
            f"{facts.name} is not ready: {readiness.reason} {readiness.fix}".strip()
        )
    if not task.agent_profile:
        fitting = catalog.classify(f"{task.title}\n{task.description}")
        return facts.name, fitting.id if fitting.suits(facts.name) else catalog.GENERAL
    if problem := catalog.incompatibility(facts.name, task.agent_profile):
        raise Refused(problem)
    return facts.name, task.agent_profile


def budget_of(task: Task, profile: str) -> int:
    """Return what all runs of `task` may cost, in microdollars: its own word goes first."""
    chosen = catalog.profile(profile)
    if (
        task.max_budget_microdollars is None
        and chosen
        and chosen.max_budget_usd is not None
    ):
        return min(task.budget_microdollars, round(chosen.max_budget_usd * 1_000_000))
    return task.budget_microdollars


def queue_run(
    task: Task,
    session: Session,
    *,
    run_id: UUID,
    profile: str,
    by: str,
    is_resume: bool = False,
    is_follow_up: bool = False,
) -> Run:
    budgets.reserve(
        task_id=task.pk,
        run_id=run_id,
        runtime=session.runtime,
        project_id=task.project_id,
        task_limit_microdollars=budget_of(task, profile),
    )
    run = Run(
        pk=run_id,
        task=task,
        session=session,
        attempt=next_attempt(task.pk),
        runtime=session.runtime,
        profile=profile,
        priority=task.priority,
        is_resume=is_resume,
        is_follow_up=is_follow_up,
        started_by=by,
        workflow_run=task.workflow_run,
    )
    insert_run(run)
    verb = "Resume" if is_resume else "Follow-up" if is_follow_up else "Execution"
    log_status(
        task, f"{verb} started on {run.runtime} as {profile}.", run, status="running"
    )
    transaction.on_commit(pubsub.wake_workers)
    return run


def _ring_end(task_id: UUID) -> None:
    """Let who follows the log look at once whether this is its end."""
    transaction.on_commit(lambda: pubsub.publish_entries(task_id, []))


def log_status(
    task: Task, message: str, run: Run | None = None, **data: object
) -> None:
    entry = NewEntry(EventType.STATUS, message, data)
    LogEntry.objects.append(task.pk, entry, run_id=run.pk if run else task.live_run)


def record_status(task: Task, status: Status, *, by: str, **changes: object) -> None:
    """Write down what an outside party reports; starts no agent.

    If an agent's run is live and the new status is final, that run is told to stop and
    nothing it writes afterwards counts.
    """
    with transaction.atomic():
        task.move(status, **changes)  # which takes the row
        tell_workflow(task)
        live_run = (
            Run.objects.filter(pk=task.live_run).first() if task.live_run else None
        )
        if live_run:
            Task.objects.filter(pk=task.pk).update(live_run=None)
            _stop_counting(task, live_run)
        log_status(task, f"Moved to {status} by {by}.", live_run, status=status)
        if status in FINAL:
            _ring_end(task.pk)


def _stop_counting(task: Task, run: Run) -> None:
    """Close a live run for good, whether or not its worker has noticed."""
    run.close(Run.Status.CANCELLED, error="The task was ended from outside.")
    PermissionRequest.objects.pending().filter(task=task).withdraw()
    budgets.release(task.pk)
    transaction.on_commit(lambda: pubsub.wake_workers(cancelled=run.pk))


def cancel(task: Task, *, by: str) -> None:
    """Cancel a planned, queued or running task; a cancelled one stays as it is.

    A run that a worker performs is only asked to stop: the worker hears it and confirms.
    """
    with transaction.atomic():
        locked = Task.objects.select_for_update().get(pk=task.pk)
        if locked.status == Status.CANCELLED:
            return
        run = (
            Run.objects.filter(pk=locked.live_run).first() if locked.live_run else None
        )
        if run and run.request_cancel():
            log_status(task, f"Cancel requested by {by}.", run, status=locked.status)
            transaction.on_commit(lambda: pubsub.wake_workers(cancelled=run.pk))
            return
        task.move(Status.CANCELLED, live_run=None)
        tell_workflow(task)
        if run:
            _stop_counting(task, run)
        log_status(task, f"Cancelled by {by}.", run, status=Status.CANCELLED)
        _ring_end(task.pk)


def delete(task: Task) -> None:
    """Remove a task, its workspace and all but its ledger entries.

    A live run is stopped first. The workspace goes once its worker has let go of it. A
    long log goes then too, piece by piece: without its task nobody sees it any more.
    """
    with transaction.atomic():
        locked = Task.objects.select_for_update().get(pk=task.pk)
        mark_due(locked.workflow_run)
        run = (
            Run.objects.filter(pk=locked.live_run).first() if locked.live_run else None
        )
        if run:
            _stop_counting(locked, run)
        _leave_rest(locked)
        _ring_end(task.pk)
        locked.delete()


def _leave_rest(task: Task) -> None:
    """Write down for a worker what of the task is to be removed later."""
    runs = task.runs.aggregate(count=Count("pk"), lease_end=Max("lease_expires_at"))
    has_more = LogEntry.objects.remove_some(task.pk, SHORT_LOG)
    if runs["count"] or has_more:
        due_at = runs["lease_end"] or timezone.now()
        Leftover.objects.create(task_id=task.pk, due_at=due_at)
