"""What the page of a task shows beside its form."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from tasks import lifecycle
from tasks.admin import costs, display, results, verbs
from tasks.admin.base import profile_name, runtime_title
from tasks.admin.checkpoints import Checkpoint, find_checkpoint
from tasks.admin.questions import QuestionFields, make_fields
from tasks.api.content_type import content_type_of
from tasks.models import (
    MAX_RESUME_COUNT,
    PermissionRequest,
    Run,
    Task,
    Worker,
)
from tasks.models.task import DEFAULT_MAX_TURNS
from tasks.models.task_status import FINAL
from tasks.rules import patterns


@dataclass(frozen=True)
class RequestCard:
    """A permission request as a person must see it before deciding."""

    request: PermissionRequest
    tool: SafeString
    message: SafeString
    action: SafeString
    tool_input: SafeString
    since: str
    # Whether a rule for just this action would spare the question next time.
    can_become_rule: bool
    pattern: str
    # Why what was typed was refused; "" if it was not.
    error: str
    questions: list[QuestionFields]  # of a question to a person
    checkpoint: Checkpoint | None  # of what is asked before a step of a workflow

    @classmethod
    def make(
        cls,
        request: PermissionRequest,
        *,
        pattern: str | None = None,
        error: str = "",
        checkpoint: Checkpoint | None = None,
    ) -> "RequestCard":
        return cls(
            request=request,
            tool=display.reveal(request.tool_name),
            message=display.reveal(request.message),
            action=display.reveal(request.action),
            tool_input=display.fields(request.tool_input),
            since=display.ago(request.created_at),
            can_become_rule=patterns.pattern_for(request.action) is not None,
            pattern=request.action if pattern is None else pattern,
            error=error,
            questions=make_fields(request),
            checkpoint=checkpoint or find_checkpoint(request),
        )


@dataclass(frozen=True)
class RunRow:
    """One run, as the page of its task lists it."""

    run: Run
    status: SafeString
    runtime: str
    profile: str
    model: str  # what answered, else what was asked for
    queued: str
    duration: str
    error: SafeString

    @classmethod
    def make(cls, run: Run, lines: list[costs.Line]) -> "RunRow":
        end = run.finished_at or (timezone.now() if run.is_live else None)
        return cls(
            run=run,
            status=display.run_state(run),
            runtime=runtime_title(run.runtime),
            profile=profile_name(run.profile),
            model=_name_models(run, lines),
            queued=display.ago(run.queued_at),
            duration=display.duration(run.started_at, end),
            error=display.reveal(run.error),
        )


def _name_models(run: Run, lines: list[costs.Line]) -> str:
    answered = dict.fromkeys(line.model for line in lines if line.run_id == run.pk)
    return ", ".join(answered) or run.model


def sections(task: Task, *, may_change: bool) -> dict[str, Any]:
    """Return what the page shows and renews while the task goes on."""
    runs = list(task.runs.order_by("attempt"))
    attempts = {run.pk: run.attempt for run in runs}
    pending = task.permission_requests.pending().order_by("created_at")
    lines = costs.lines(task.pk)
    return {
        **head(task, runs, lines),
        "task": task,
        "may_change": may_change,
        "status": display.state(task.status, task.get_status_display()),
        "verbs": verbs.list_offered(task) if may_change else [],
        "created": display.ago(task.created_at),
        "brief": results.shorten(task.description),
        "cost": sum((line.cost for line in lines), costs.Cost()),
        "max_resume_count": MAX_RESUME_COUNT,
        "is_asked_to_stop": any(
            run.is_live and run.cancel_requested_at for run in runs
        ),
        "no_worker": Worker.objects.absence() if _waits_for_worker(runs) else None,
        "ran_on": runtime_title(runs[-1].runtime) if runs else "",
        "ran_as": profile_name(runs[-1].profile) if runs else "",
        "cards": [RequestCard.make(one) for one in pending],
        "runs": [RunRow.make(run, lines) for run in reversed(runs)],
        "lines": [(attempts.get(line.run_id), line) for line in lines],
        "result": results.render(task.result, reverse("task-output", args=[task.pk])),
        "result_kind": content_type_of(task.result),
    }


def head(task: Task, runs: list[Run], lines: list[costs.Line]) -> dict[str, Any]:
    """Return what the head says beside the state: why, with what, how long, of what limits."""
    last = runs[-1] if runs else None
    spent = sum((line.cost for line in lines), costs.Cost())
    of_last = [line for line in lines if last and line.run_id == last.pk]
    budget = task.budget_microdollars
    used = spent.microdollars or 0
    return {
        "why": _why(task, last),
        "why_not_resumable": lifecycle.why_not_resumable(task)
        if task.status in {Task.Status.FAILED, Task.Status.CANCELLED}
        else "",
        "model": of_last[-1].model if of_last else "",
        "took": _took(last),
        "spent": display.amount(spent.microdollars, spent.unpriced)
        if spent.requests
        else display.cents(0),
        "budget": display.cents(budget),
        "budget_percent": min(100, 100 * used // max(budget, 1)),
        "is_over_budget": task.status == Task.Status.FAILED and used >= budget,
        "turns": sum(line.cost.requests for line in of_last),
        "max_turns": task.max_turns or DEFAULT_MAX_TURNS,
    }


def _why(task: Task, last: Run | None) -> SafeString | str:
    """Say why a task is as it is, where that is not plain from its state."""
    if last is None or not last.error:
        return ""
    if task.status in {Task.Status.FAILED, Task.Status.CANCELLED} or last.is_live:
        return display.shorten(last.error, 600)
    return ""


def _took(last: Run | None) -> str:
    if last is None or last.started_at is None:
        return display.EMPTY
    return display.duration(last.started_at, last.finished_at or timezone.now())


def _waits_for_worker(runs: list[Run]) -> bool:
    return any(run.status == Run.Status.QUEUED for run in runs)


def live(task: Task) -> dict[str, Any]:
    """Return what the page's script needs to keep it fresh."""
    return {
        "sections": reverse("admin:tasks_task_sections", args=[task.pk]),
        "finalStatuses": sorted(FINAL),
        "isFinished": task.is_finished,
    }
