"""Starts runs: fresh, again, or from a session's last checkpoint."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from ledger import budgets
from stagent.database.compiled import CompiledQuery
from tasks import catalog, exceptions, pubsub
from tasks.exceptions import InvalidTransition, NotResumable, Refused
from tasks.lifecycle.status import log_status, queue, wake_workflow
from tasks.models import MAX_RESUME_COUNT, Run, Session, Task
from tasks.models.ids import new_id
from tasks.models.task_status import FINAL
from tasks.models.task_updates import move_from


def start_run(task: Task, *, by: str) -> Run:
    """Start a fresh run of a queued task.

    Raises InvalidTransition, Refused (runtime or profile) or BudgetExceeded.
    """
    if task.status != Task.Status.QUEUED:
        raise _explain_not_queued(task)
    runtime, profile = choose_runtime_and_profile(task)
    with transaction.atomic():
        run_id = new_id()
        move_from(
            task,
            Task.Status.QUEUED,
            Task.Status.RUNNING,
            live_run=run_id,
            resume_count=0,
        )
        wake_workflow(task)
        session = Session(task=task, runtime=runtime)
        Session.objects.insert(session)
        return queue_run(task, session, run_id=run_id, profile=profile, by=by)


def _explain_not_queued(task: Task) -> InvalidTransition:
    message = f"Task must be queued to be executed; it is {task.status}."
    if task.status in {Task.Status.PLANNED, Task.Status.FAILED}:
        return InvalidTransition(message, exceptions.QUEUE)
    if task.status in FINAL:
        return InvalidTransition(message, exceptions.PLAN)
    return InvalidTransition(f"{message} It is in hand already.")


def execute(task: Task, *, by: str) -> Run:
    """Start a fresh run of a planned or queued task: a planned one is queued first.

    One that is refused stays as it was. Raises what `start_run` does.
    """
    with transaction.atomic():
        if task.status == Task.Status.PLANNED:
            queue(task, by=by)
        return start_run(task, by=by)


def run_again(task: Task, *, by: str) -> Run:
    """Start a task afresh that is not in hand, whatever became of it before.

    One that is refused stays as it was, its result with it. Raises what `start_run` does.
    """
    with transaction.atomic():
        if task.status not in {Task.Status.QUEUED, Task.Status.RUNNING}:
            queue(task, by=by)
        return start_run(task, by=by)


def resume(task: Task, *, by: str) -> Run:
    """Go on with a failed or cancelled task from its last checkpoint.

    Raises NotResumable, Refused (runtime or profile) or BudgetExceeded.
    """
    session = _session_to_resume(task)
    _, profile = choose_runtime_and_profile(task, runtime=session.runtime)
    with transaction.atomic():
        run_id = new_id()
        resumable = Task.objects.filter(
            pk=task.pk, status__in=[Task.Status.FAILED, Task.Status.CANCELLED]
        )
        moved = resumable.filter(resume_count__lt=MAX_RESUME_COUNT).update(
            status=Task.Status.RUNNING,
            live_run=run_id,
            resume_count=F("resume_count") + 1,
            updated_at=timezone.now(),
        )
        task.refresh_from_db()
        if not moved:
            raise NotResumable("Somebody else resumed the task first.")
        wake_workflow(task)
        return queue_run(
            task, session, run_id=run_id, profile=profile, by=by, is_resume=True
        )


def why_not_resumable(task: Task) -> str | None:
    """Say why a task cannot be resumed, in the admin's words; None if it can."""
    try:
        _session_to_resume(task)
    except NotResumable as error:
        return error.explain_in_admin()
    return None


def _session_to_resume(task: Task) -> Session:
    if task.status not in {Task.Status.FAILED, Task.Status.CANCELLED}:
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


def choose_runtime_and_profile(task: Task, *, runtime: str = "") -> tuple[str, str]:
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


def choose_budget(task: Task, profile: str) -> int:
    """Return what all runs of `task` may cost, in microdollars: its own word goes first."""
    chosen = catalog.profile(profile)
    if (
        task.max_budget_microdollars is None
        and chosen
        and chosen.max_budget_usd is not None
    ):
        return min(task.budget_microdollars, round(chosen.max_budget_usd * 1_000_000))
    return task.budget_microdollars


def choose_model(task: Task, runtime: str, profile: str) -> catalog.ModelChoice:
    """Return the model and the effort that a run of `task` asks for, or raise Refused."""
    facts = catalog.runtime(runtime)
    if facts is None:
        return catalog.ModelChoice()
    choice = catalog.choose_model(
        facts, catalog.profile(profile), model=task.model, effort=task.effort
    )
    problem = catalog.find_model_problem(
        facts, choice.model
    ) or catalog.find_effort_problem(facts, choice.effort)
    if problem:
        raise Refused(problem)
    return choice


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
    """Queue a run, or raise Refused (its model) or BudgetExceeded."""
    choice = choose_model(task, session.runtime, profile)
    budgets.reserve(
        task_id=task.pk,
        run_id=run_id,
        runtime=session.runtime,
        project_id=task.project_id,
        task_limit_microdollars=choose_budget(task, profile),
    )
    run = Run(
        pk=run_id,
        task=task,
        session=session,
        attempt=_next_attempt(task.pk),
        runtime=session.runtime,
        profile=profile,
        model=choice.model,
        effort=choice.effort,
        priority=task.priority,
        is_resume=is_resume,
        is_follow_up=is_follow_up,
        started_by=by,
        workflow_run=task.workflow_run,
    )
    Run.objects.insert(run)
    verb = "Resume" if is_resume else "Follow-up" if is_follow_up else "Execution"
    model = choice.model or _default_model(run.runtime)
    log_status(
        task,
        f"{verb} started on {run.runtime} as {profile}{_describe(model, choice.effort)}.",
        run,
        moved_to=Task.Status.RUNNING,
        **_present(modelId=model, effort=choice.effort),
    )
    transaction.on_commit(pubsub.wake_workers)
    return run


def _default_model(runtime: str) -> str:
    facts = catalog.runtime(runtime)
    return facts.model() if facts else ""


def _describe(model: str, effort: str) -> str:
    with_model = f", with {model}" if model else ""
    return f"{with_model}, effort {effort}" if effort else with_model


def _present(**data: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value}


_last_attempt = CompiledQuery(
    lambda task_id: (
        Run.objects.filter(task_id=task_id)
        .order_by("-attempt")
        .values_list("attempt")[:1]
    ),
    task_id=UUID,
)


def _next_attempt(task_id: UUID) -> int:
    (last,) = _last_attempt.first(task_id=task_id) or (0,)
    return int(last) + 1
