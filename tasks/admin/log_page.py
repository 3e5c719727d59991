"""The log of a task, as turns: a window of it, searched, filtered, and as a file."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse

from tasks.admin.log_strip import make_strip
from tasks.admin.log_turns import IN_THE_MESSAGE, group_turns
from tasks.models import EventType, LogEntry, Task
from tasks.models.log import LogEntryQuerySet
from tasks.rules.visible_text import BLANK_RANGES

SHOWN_ENTRIES = 200
# Entries, the newest, among which is counted, searched and filtered: the last ones matter.
LOOKED_AT = 20_000
AT_ONCE = 1_000  # of a download


@dataclass(frozen=True)
class Window:
    """Which part of the log is asked for."""

    before: int | None = (
        None  # the sequence that the entries come before; None: the end
    )
    from_start: bool = False
    kind: str = ""
    text: str = ""
    errors: bool = False

    @classmethod
    def read(cls, query: Any) -> "Window":
        before = query.get("before", "")
        kind = query.get("type", "")
        return cls(
            before=int(before)
            if before.isascii() and before.isdigit() and len(before) < 10
            else None,
            from_start=query.get("at") == "first",
            kind=kind if kind in EventType else "",
            text=query.get("q", "").replace("\x00", "")[:200],
            errors=query.get("errors") == "1",
        )

    @property
    def is_filtered(self) -> bool:
        return bool(self.kind or self.text or self.errors)

    def entries(self, task: Task, last: int) -> list[LogEntry]:
        """Return the entries in order, up to the one of number `last`."""
        found: LogEntryQuerySet = task.log.filter(sequence__lte=last)
        if self.before is not None:
            found = found.filter(sequence__lt=self.before)
        if self.is_filtered:
            found = self._filter(found, last)
        if self.from_start:
            return list(found.order_by("sequence")[:SHOWN_ENTRIES])
        return list(found.order_by("-sequence")[:SHOWN_ENTRIES])[::-1]

    def _filter(self, found: LogEntryQuerySet, last: int) -> LogEntryQuerySet:
        found = found.filter(sequence__gt=last - LOOKED_AT)
        if self.kind:
            found = found.filter(event_type=self.kind)
        if self.errors:
            found = found.failures()
        return found.filter(message__icontains=self.text) if self.text else found


def fill(request: HttpRequest, task: Task) -> dict[str, Any]:
    """Return what the tab shows; its script follows from `after` on."""
    # The number first: an entry that comes between the two reads is then streamed too.
    after = task.log_sequence
    window = Window.read(request.GET)
    entries = window.entries(task, after)
    first = entries[0].sequence if entries else 1
    turns = group_turns(entries)
    is_end = not window.is_filtered and not window.from_start and window.before is None
    return {
        "window": window,
        "log_turns": turns,
        "strip": None if window.is_filtered else make_strip(turns),
        "has_entries": bool(entries),
        "earlier": first - 1 if not window.is_filtered else 0,
        "before": first,
        "kinds": _kinds(task, after),
        "looked_at": LOOKED_AT if after > LOOKED_AT else 0,
        "is_end": is_end,
        "log_config": {
            "url": reverse("task-logs", args=[task.pk]),
            "after": after,
            "began": task.log.order_by("sequence")
            .values_list("recorded_at", flat=True)
            .first(),
            "blanks": "".join(
                f"\\u{{{first:X}}}-\\u{{{last:X}}}" for first, last in BLANK_RANGES
            ),
            "told": sorted(IN_THE_MESSAGE),
            "isWhole": not window.is_filtered and not window.from_start,
            "follows": is_end and not task.is_finished,
            "earlier": reverse("admin:tasks_task_log_part", args=[task.pk]),
        },
    }


def _kinds(task: Task, last: int) -> list[tuple[str, str, int]]:
    """Count the newest entries by their type."""
    newest = task.log.filter(sequence__lte=last, sequence__gt=last - LOOKED_AT)
    counts = Counter(newest.order_by().values_list("event_type", flat=True))
    return [
        (kind.value, str(kind.label), counts[kind])
        for kind in EventType
        if counts[kind]
    ]


def urls(model_admin: Any) -> list[URLPattern]:
    """Return the addresses of a part of the log, for its script, and of the whole as a file."""
    view = model_admin.admin_site.admin_view

    def part(request: HttpRequest, task_id: UUID) -> HttpResponse:
        task = _task(model_admin, request, task_id)
        return render(request, "tasks/log_turns.html", fill(request, task))

    def download(request: HttpRequest, task_id: UUID) -> StreamingHttpResponse:
        task = _task(model_admin, request, task_id)
        return respond_log_file(task, is_text=request.GET.get("format") == "txt")

    return [
        path("<uuid:task_id>/log/part/", view(part), name="tasks_task_log_part"),
        path("<uuid:task_id>/log/file/", view(download), name="tasks_task_log_file"),
    ]


def _task(model_admin: Any, request: HttpRequest, task_id: UUID) -> Task:
    task = get_object_or_404(Task, pk=task_id)
    if not model_admin.has_view_permission(request, task):
        raise PermissionDenied
    return task


def respond_log_file(task: Task, *, is_text: bool) -> StreamingHttpResponse:
    """Send the whole log, a line an entry: JSON as the stream sends it, or for people."""
    name, kind = ("txt", "text/plain") if is_text else ("jsonl", "application/jsonl")
    return StreamingHttpResponse(
        _lines(task, is_text=is_text),
        content_type=f"{kind}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="log-{task.pk}.{name}"'},
    )


def _lines(task: Task, *, is_text: bool) -> Iterator[bytes]:
    after, last = 0, task.log_sequence
    while after < last:
        some = list(task.log.after(after).filter(sequence__lte=last)[:AT_ONCE])
        if not some:
            return
        after = some[-1].sequence
        lines = [_format_for_people(one) if is_text else one.as_json() for one in some]
        yield ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _format_for_people(entry: LogEntry) -> str:
    at = f"{entry.recorded_at:%Y-%m-%d %H:%M:%S}"
    return f"{at} {entry.event_type:19} {entry.message}".replace("\n", "\n    ")
