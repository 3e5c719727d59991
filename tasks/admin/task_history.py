"""Who did what with a task: people's starts, stops, decisions and edits, the newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry as Edit
from django.http import HttpRequest
from django.utils.safestring import SafeString

from tasks.admin import display
from tasks.models import EventType, Task

SHOWN = 200  # of each source


@dataclass(frozen=True)
class Deed:
    """Something that somebody did to the task, and when."""

    at: datetime
    by: str
    what: SafeString

    @property
    def when(self) -> str:
        return display.ago(self.at)


def fill(request: HttpRequest, task: Task) -> dict[str, Any]:
    return {"deeds": history(task)}


def history(task: Task) -> list[Deed]:
    deeds = [
        Deed(task.created_at, task.created_by, display.reveal("Created the task.")),
        *_starts(task),
        *_decisions(task),
        *_read_log(task),
        *_edits(task),
    ]
    return sorted(deeds, key=lambda deed: deed.at, reverse=True)[:SHOWN]


def _starts(task: Task) -> list[Deed]:
    return [
        Deed(
            run.queued_at,
            run.started_by,
            display.reveal(
                f"{'Resumed' if run.is_resume else 'Started'}: attempt {run.attempt}."
            ),
        )
        for run in task.runs.order_by("-attempt")[:SHOWN]
        if run.started_by
    ]


def _decisions(task: Task) -> list[Deed]:
    decided = task.permission_requests.filter(status__in=["allowed", "denied"])
    return [
        Deed(
            asked.decided_at,
            asked.decided_by,
            display.shorten(f"{asked.get_status_display()}: {asked.action}", 300),
        )
        for asked in decided.order_by("-created_at")[:SHOWN]
        if asked.decided_at
    ]


def _read_log(task: Task) -> list[Deed]:
    """Return what the log says of the task's state: queued, cancelled, by whom."""
    entries = task.log.filter(event_type=EventType.STATUS).order_by("-sequence")
    return [
        Deed(entry.recorded_at, "", display.shorten(entry.message, 300))
        for entry in entries[:SHOWN]
        if " by " in entry.message
    ]


def _edits(task: Task) -> list[Deed]:
    edits = Edit.objects.filter(
        content_type__app_label="tasks",
        content_type__model="task",
        object_id=str(task.pk),
    ).select_related("user")
    return [
        Deed(
            edit.action_time,
            edit.user.get_username(),
            display.shorten(edit.get_change_message() or "Edited.", 300),
        )
        for edit in edits.order_by("-action_time")[:SHOWN]
        if not edit.is_addition()
    ]
