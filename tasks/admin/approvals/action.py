"""What is asked for, as a person must see it: what no rule covers, where it leads, what changes."""

from collections.abc import Collection
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from tasks.admin import display
from tasks.files.folders import FilesGone, open_workspace
from tasks.files.workspace import PathRefused
from tasks.models import PermissionRequest, PermissionRule
from tasks.rules import patterns
from tasks.rules.command_parts import parts_of_line

MAX_DIFF = 2_000  # lines
MAX_FILE_BYTES = 2**20
# The names that our tools, Claude Code's and Codex's give to the same.
_OLD, _NEW = ("old_text", "old_string"), ("new_text", "new_string")
_WHOLE, _PATH = ("content",), ("path", "file_path")


@dataclass(frozen=True)
class Shown:
    """The action, drawn by its kind; and the fields that this does not show already."""

    marks: list[str]
    html: SafeString
    rest: dict[str, Any]


def show(asked: PermissionRequest, rules: Collection[str]) -> Shown:
    """Draw what `asked` is about. `rules`: the patterns that allow something to its task."""
    kind, _, what = asked.action.partition(":")
    given = asked.tool_input
    if kind == "run":
        command = _first(given, ("command",))
        line = command if isinstance(command, str) else what
        rest = {key: value for key, value in given.items() if value != line}
        return Shown(_marks_of_command(line), _command(line, rules), rest)
    if kind == "fetch":
        rest = {key: value for key, value in given.items() if value != what}
        return Shown(["network"], _address(what), rest)
    if kind == "write" and (change := _change(given, asked.task_id)):
        told = {*_OLD, *_NEW, *_WHOLE, *_PATH}
        rest = {key: value for key, value in given.items() if key not in told}
        return Shown(["changes a file"], change, rest)
    return Shown([], _plain(asked.action), dict(given))


def allowing_rules(asked: PermissionRequest) -> list[str]:
    rules = PermissionRule.objects.for_task(asked.task_id, asked.task.project_id)
    allowing = rules.filter(effect=PermissionRule.Effect.ALLOW)
    return list(allowing.values_list("pattern", flat=True)[:1_000])


def _plain(text: str) -> SafeString:
    return format_html('<pre class="st-pre st-action">{}</pre>', display.reveal(text))


def _command(line: str, rules: Collection[str]) -> SafeString:
    """Mark each command of the line that no rule covers."""
    parts = [
        (
            "st-uncovered"
            if part.is_command
            and not any(patterns.covers(rule, f"run:{part.text}") for rule in rules)
            else "",
            display.reveal(part.text),
        )
        for part in parts_of_line(line)
    ]
    return format_html(
        '<pre class="st-pre st-action">{}</pre>',
        format_html_join("", '<span class="{}">{}</span>', parts),
    )


_DELETING = (
    "rm ",
    "rmdir",
    "shred",
    "truncate",
    "git clean",
    "git reset --hard",
    "drop ",
)
_FAR = ("curl", "wget", "ssh", "scp", "rsync", "git push", "git fetch", "http")


def _marks_of_command(line: str) -> list[str]:
    """Say what a reader should look at twice. Hints: what is not marked may do it too."""
    marks = ["shell"]
    if any(word in line for word in _DELETING):
        marks.append("deletes")
    if any(word in line for word in _FAR):
        marks.append("network")
    if "sudo" in line.split():
        marks.append("as another user")
    return marks


def _address(address: str) -> SafeString:
    """Show an address with its host in bold: what comes before may look like one."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        host = ""
    before, found, after = address.partition(host) if host else (address, "", "")
    return format_html(
        '<pre class="st-pre st-action">{}<strong>{}</strong>{}</pre>',
        display.reveal(before),
        display.reveal(found),
        display.reveal(after),
    )


def _first(given: dict[str, Any], names: Collection[str]) -> Any:
    return next((given[name] for name in names if name in given), None)


def _change(given: dict[str, Any], task_id: UUID) -> SafeString | None:
    """Draw a write or an edit as a unified diff against the workspace as it is."""
    old, new, whole = (_first(given, names) for names in (_OLD, _NEW, _WHOLE))
    path = str(_first(given, _PATH) or "")
    if isinstance(old, str) and isinstance(new, str):
        there = _current(task_id, path)
        if old and old in there:
            times = -1 if given.get("replace_all") else 1
            return diff(path, there, there.replace(old, new, times))
        return diff(path, old, new)
    if isinstance(whole, str):
        return diff(path, _current(task_id, path), whole)
    return None


def _current(task_id: UUID, path: str) -> str:
    """Return the text of a file in the task's workspace; "" if it has none to be shown."""
    try:
        workspace = open_workspace(task_id)
        with workspace.open_file(workspace.locate(path), is_handed_out=True) as file:
            return file.read(MAX_FILE_BYTES).decode()
    except (FilesGone, PathRefused, OSError, ValueError):
        return ""


def diff(path: str, old: str, new: str) -> SafeString:
    lines = list(
        unified_diff(
            old.splitlines(), new.splitlines(), f"a/{path}", f"b/{path}", "", "", 3, ""
        )
    )
    more = len(lines) - MAX_DIFF
    rows = [(_choose_class(line), display.reveal(line)) for line in lines[:MAX_DIFF]]
    drawn = format_html_join("", '<span class="{}">{}\n</span>', rows)
    note = f"… and {more:,} more lines: see the input below." if more > 0 else ""
    return format_html('<pre class="st-pre st-action st-diff">{}{}</pre>', drawn, note)


def _choose_class(line: str) -> str:
    if line.startswith(("---", "+++", "@@")):
        return "st-diff-head"
    return {"+": "st-added", "-": "st-removed"}.get(line[:1], "")
