"""The tab of a task's files: a list with their states, one file, and the diff in colour."""

from itertools import islice
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from tasks.admin import display
from tasks.admin.auditing import recorded
from tasks.admin.file_previews import preview
from tasks.api.views.task_files import make_url
from tasks.files.changes import MADE, State, TaskFile, TaskFiles, files_of, pruned_at
from tasks.files.diff import DIFFERENT, write_diff
from tasks.files.keeping import NotKept, keep_file
from tasks.files.listing import is_text, show_path
from tasks.models import Task

MAX_ROWS = 500
MAX_DIFF_LINES = 3_000
MAX_LINE = 2_000
TONES = {State.NEW: "success", State.CHANGED: "info", State.DELETED: "danger"}
# What a page shows, by the word in its address; the first is what it shows unasked.
VIEWS = {
    "made": ("What the agent made", MADE | {State.DELETED}),
    "all": ("All files", frozenset(State)),
}
_LINES = (
    ("+++", "st-diff-file"),
    ("---", "st-diff-file"),
    ("diff --git ", "st-diff-file"),
    ("@@", "st-diff-hunk"),
    ("+", "st-diff-added"),
    ("-", "st-diff-removed"),
    ("#", "st-diff-note"),
    ("Binary files ", "st-diff-note"),
)


def fill(request: HttpRequest, task: Task) -> dict[str, Any]:
    """Return what the tab shows: the list, and the file or the diff that is open."""
    asked = request.GET
    view, wanted = asked.get("view", ""), asked.get("path", "")
    files = files_of(task.pk)
    counts = files.counts()
    has_made = any(counts[state] for state in VIEWS["made"][1])
    view = view if view in VIEWS else ("made" if has_made else "all")
    chosen = files.filter_states(VIEWS[view][1])
    base = reverse("admin:tasks_task_files", args=[task.pk])
    opened = _find(files, wanted)
    return {
        "pruned_at": pruned_at(task.pk),
        "counts": [(state, counts[state], TONES.get(state, "")) for state in State],
        "views": [
            (name, title, f"{base}?view={name}", name == view)
            for name, (title, _) in VIEWS.items()
        ],
        "rows": [
            _row(file, task.pk, f"{base}?view={view}") for file in chosen[:MAX_ROWS]
        ],
        "left": len(chosen) - MAX_ROWS,
        "is_complete": files.is_complete,
        "has_files": bool(files.files),
        "archive_url": reverse("task-archive", args=[task.pk]),
        "list_url": reverse("task-files", args=[task.pk]),
        "diff_url": f"{base}?view={view}&diff=1" if has_made else "",
        "diff": _color_diff(write_diff(files)) if asked.get("diff") == "1" else "",
        "opened": show_path(opened.path) if opened else wanted,
        "may_keep": request.user.has_perm("tasks.add_document"),
        "opened_url": make_url(opened, task.pk) if opened else None,
        "preview": preview(files, opened, task.pk) if opened else "",
        "opened_diff": _diff_of_one(files, opened) if opened else "",
    }


def _find(files: TaskFiles, path: str) -> TaskFile | None:
    return next((file for file in files.files if file.path == path), None)


def _row(file: TaskFile, task_id: UUID, base: str) -> dict[str, Any]:
    query = urlencode({"path": file.path}) if is_text(file.path) else ""
    return {
        "path": display.reveal(show_path(file.path)),
        "url": f"{base}&{query}#opened" if query else "",
        "state": display.label(file.state.value, TONES.get(file.state, "")),
        "size": display.size(file.found.size) if file.found else display.EMPTY,
        "kept_path": file.path if file.found and is_text(file.path) else "",
        "modified": display.ago(file.modified_at),
        "download": make_url(file, task_id),
    }


def _diff_of_one(files: TaskFiles, file: TaskFile) -> SafeString | str:
    is_shown = file.state in DIFFERENT and file.began is not None
    return _color_diff(write_diff(files, path=file.path)) if is_shown else ""


def _color_diff(pieces: Any) -> SafeString:
    lines = (
        line
        for piece in pieces
        for line in piece.decode(errors="replace").split("\n")[:-1]
    )
    shown_lines = list(islice(lines, MAX_DIFF_LINES + 1))
    more = (
        "# … and more: fetch all of it.\n" if len(shown_lines) > MAX_DIFF_LINES else ""
    )
    return format_html(
        '<pre class="st-pre st-diff" tabindex="0">{}{}</pre>',
        format_html_join(
            "\n", '<span class="{}">{}</span>', map(_line, shown_lines[:MAX_DIFF_LINES])
        ),
        f"\n{more}" if more else "",
    )


def _line(line: str) -> tuple[str, SafeString]:
    css = next((name for start, name in _LINES if line.startswith(start)), "")
    return css, display.reveal(line[:MAX_LINE])


def urls(model_admin: Any) -> list[URLPattern]:
    """Return the address that keeps a file as a document."""

    def keep(request: HttpRequest, task_id: UUID) -> HttpResponse:
        task = get_object_or_404(Task, pk=task_id)
        if not model_admin.has_view_permission(
            request, task
        ) or not request.user.has_perm("tasks.add_document"):
            raise PermissionDenied
        try:
            wanted = request.POST.get("path", "").replace("\x00", "")
            with recorded(request, "keep-file", task, after={"path": wanted}):
                document = keep_file(task, wanted, project_id=task.project_id)
        except NotKept as refused:
            model_admin.message_user(request, str(refused), messages.ERROR)
        else:
            link = display.link(document)
            told = format_html("Kept as a document: {}.", link)
            model_admin.message_user(request, told, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:tasks_task_files", args=[task.pk]))

    view = model_admin.admin_site.admin_view(require_POST(keep))
    return [path("<uuid:task_id>/files/keep/", view, name="tasks_task_keep_file")]
