"""What the page of a task shows beside its form."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from tasks.admin import costs, display, results, verbs
from tasks.admin.base import profile_name, runtime_title
from tasks.api.content_type import content_type_of
from tasks.models import (
    MAX_RESUME_COUNT,
    LogEntry,
    PermissionRequest,
    Run,
    Task,
    Worker,
)
from tasks.models.task import FINAL
from tasks.rules import patterns

SHOWN_ENTRIES = 200
# Of an entry's data, what its message says already.
_TOLD = frozenset({"status", "callId", "notificationId"})


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
    # Why the pattern was refused; "" if it was not.
    error: str

    @classmethod
    def of(
        cls, request: PermissionRequest, *, pattern: str | None = None, error: str = ""
    ) -> "RequestCard":
        return cls(
            request=request,
            tool=display.visible(request.tool_name),
            message=display.visible(request.message),
            action=display.visible(request.action),
            tool_input=display.fields(request.tool_input),
            since=display.ago(request.created_at),
            can_become_rule=patterns.pattern_for(request.action) is not None,
            pattern=request.action if pattern is None else pattern,
            error=error,
        )


@dataclass(frozen=True)
class RunRow:
    run: Run
    status: SafeString
    runtime: str
    profile: str
    queued: str
    duration: str
    error: SafeString

    @classmethod
    def of(cls, run: Run) -> "RunRow":
        end = run.finished_at or (timezone.now() if run.is_live else None)
        return cls(
            run=run,
            status=display.state(run.status, run.get_status_display()),
            runtime=runtime_title(run.runtime),
            profile=profile_name(run.profile),
            queued=display.ago(run.queued_at),
            duration=display.duration(run.started_at, end),
            error=display.visible(run.error),
        )


@dataclass(frozen=True)
class EntryRow:
    entry: LogEntry
    message: SafeString
    data: SafeString | str

    @classmethod
    def of(cls, entry: LogEntry) -> "EntryRow":
        data = {key: value for key, value in entry.data.items() if key not in _TOLD}
        return cls(
            entry=entry,
            message=results.shortened(entry.message),
            data=results.shortened(display.written(data)) if data else "",
        )


def sections(task: Task, *, may_change: bool) -> dict[str, Any]:
    """Return what the page shows and renews while the task goes on."""
    runs = list(task.runs.order_by("attempt"))
    attempts = {run.pk: run.attempt for run in runs}
    pending = task.permission_requests.pending().order_by("created_at")
    return {
        "task": task,
        "may_change": may_change,
        "status": display.state(task.status, task.get_status_display()),
        "verbs": verbs.offered(task) if may_change else [],
        "created": display.ago(task.created_at),
        "cost": costs.of_task(task.pk),
        "budget": display.money(task.budget_microdollars),
        "max_resume_count": MAX_RESUME_COUNT,
        "is_asked_to_stop": any(
            run.is_live and run.cancel_requested_at for run in runs
        ),
        "no_worker": Worker.objects.absence() if _waits_for_worker(runs) else None,
        "ran_on": runtime_title(runs[-1].runtime) if runs else "",
        "ran_as": profile_name(runs[-1].profile) if runs else "",
        "cards": [RequestCard.of(one) for one in pending],
        "runs": [RunRow.of(run) for run in reversed(runs)],
        "lines": [(attempts.get(line.run_id), line) for line in costs.lines(task.pk)],
        "result": results.rendered(task.result, reverse("task-output", args=[task.pk])),
        "result_kind": content_type_of(task.result),
    }


def _waits_for_worker(runs: list[Run]) -> bool:
    return any(run.status == Run.Status.QUEUED for run in runs)


def log(task: Task) -> dict[str, Any]:
    """Return the end of the log, and what follows it live."""
    # The number first: an entry that comes between the two reads is then streamed too.
    after = task.log_sequence
    newest = task.log.filter(sequence__lte=after).order_by("-sequence")[:SHOWN_ENTRIES]
    entries = [EntryRow.of(entry) for entry in reversed(newest)]
    log_list = reverse("admin:tasks_logentry_changelist")
    shown_from = entries[0].entry.sequence if entries else 1
    return {
        "entries": entries,
        "earlier": shown_from - 1,
        "whole_log_url": f"{log_list}?task__id__exact={task.pk}",
        "log_config": {
            "url": reverse("task-logs", args=[task.pk]),
            "sections": reverse("admin:tasks_task_sections", args=[task.pk]),
            "after": after,
            "told": sorted(_TOLD),
            "finalStatuses": sorted(FINAL),
            "isFinished": task.is_finished,
        },
    }
