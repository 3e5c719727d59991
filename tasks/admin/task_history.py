"""Who did what with a task, the newest first: from the audit, and of what is older from its rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from tasks.access import rights
from tasks.admin import display
from tasks.admin.audit import table_of
from tasks.models import AuditEntry, EventType, Task

SHOWN = 200  # of each source


@dataclass(frozen=True)
class Deed:
    """Something that somebody did to the task, and when."""

    at: datetime
    by: str
    what: SafeString
    where: str = ""  # from where, and by which door
    changes: SafeString | str = ""

    @property
    def when(self) -> str:
        return display.ago(self.at)


def fill(request: HttpRequest, task: Task) -> dict[str, Any]:
    shows_addresses = rights.may(request.user, rights.VIEW_AUDIT)
    return {"deeds": history(task, shows_addresses=shows_addresses)}


def history(task: Task, *, shows_addresses: bool = False) -> list[Deed]:
    """List what was done; from which address, to who may look at the audit."""
    entries = list(AuditEntry.objects.about(task.pk)[:SHOWN])
    deeds = [_describe(entry, shows_addresses) for entry in entries]
    deeds += _read_log(task)
    if not any(entry.action == "create" for entry in entries):
        # It is older than the audit, or nobody made it by hand.
        since = entries[-1].created_at if entries else None
        deeds += [one for one in _read_rows(task) if not since or one.at < since]
    return sorted(deeds, key=lambda deed: deed.at, reverse=True)[:SHOWN]


def _describe(entry: AuditEntry, shows_addresses: bool) -> Deed:
    by = entry.user_name or "no login"
    return Deed(
        entry.created_at,
        f"{by} ({entry.token_name})" if entry.token_name else by,
        display.reveal(f"{entry.action.capitalize().replace('-', ' ')}."),
        f"{entry.get_way_display()} {entry.address if shows_addresses else ''}",
        table_of(entry) if entry.before or entry.after else "",
    )


def _read_rows(task: Task) -> Iterator[Deed]:
    yield Deed(task.created_at, task.created_by, display.reveal("Created the task."))
    for run in task.runs.order_by("-attempt")[:SHOWN]:
        if run.started_by:
            verb = "Resumed" if run.is_resume else "Started"
            what = display.reveal(f"{verb}: attempt {run.attempt}.")
            yield Deed(run.queued_at, run.started_by, what)
    decided = task.permission_requests.filter(status__in=["allowed", "denied"])
    for asked in decided.order_by("-created_at")[:SHOWN]:
        if asked.decided_at:
            what = display.shorten(f"{asked.get_status_display()}: {asked.action}", 300)
            yield Deed(asked.decided_at, asked.decided_by, what)


def _read_log(task: Task) -> list[Deed]:
    """Return what the log says of the task's state: queued, cancelled, by whom."""
    entries = task.log.filter(event_type=EventType.STATUS).order_by("-sequence")
    return [
        Deed(entry.recorded_at, "", display.shorten(entry.message, 300))
        for entry in entries[:SHOWN]
        if " by " in entry.message
    ]
