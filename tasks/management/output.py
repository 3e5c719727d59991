"""How the commands for administrators speak: exit codes for scripts, text for people."""

import unicodedata
from enum import IntEnum
from typing import Any

from django.core.management.base import CommandError
from django.core.management.color import Style

from tasks.models import EventType
from tasks.payloads.log_entries import read_served
from tasks.rules.visible_text import replace_hidden

JSON = dict[str, Any]


class ExitCode(IntEnum):
    """What a script learns of a command."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    FAILED = 3
    CANCELLED = 4
    INTERRUPTED = 130
    READER_GONE = 141


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.REFUSED: "refused: the state, a budget or the database does not allow it",
    ExitCode.USAGE: "wrong usage, or not found",
    ExitCode.FAILED: "a task ended failed (with --follow)",
    ExitCode.CANCELLED: "a task ended cancelled (with --follow)",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C",
    ExitCode.READER_GONE: "whoever read the output has gone",
}


class Error(CommandError):
    """What a person is told, and the exit code for a script."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(message, returncode=code)


# Names of Django's palette, so that DJANGO_COLORS changes these colours too.
_STYLES: dict[str, str] = {
    EventType.ASSISTANT: "MIGRATE_LABEL",
    EventType.TOOL_USE: "MIGRATE_HEADING",
    EventType.PERMISSION_REQUEST: "WARNING",
    EventType.RETRY: "WARNING",
    EventType.ERROR: "ERROR",
    EventType.RESULT: "SUCCESS",
}
_INDENT = "\n" + " " * 21  # where messages begin


def make_printable(text: str) -> str:
    """Let nothing that an agent writes drive a terminal, or hide on it."""
    return replace_hidden(text.replace("\r\n", "\n"))


def join_lines(text: str) -> str:
    return make_printable(" ".join(text.split()))


def log_line(entry: JSON, style: Style) -> str:
    """Write a log entry, in the API's form, as `10:31:16 tool_use    Reading file: …`."""
    served = read_served(entry)
    event_type, message = served.event_type, make_printable(served.message)
    if event_type == EventType.PERMISSION_REQUEST and served.request_id:
        message += f"\nmanage.py respond {served.request_id} allow|deny"
    name = f"{event_type:<11}"
    if event_type in _STYLES:
        name = getattr(style, _STYLES[event_type])(name)
    return f"{served.time_of_day} {name} {message.replace(chr(10), _INDENT)}"


def measure_width(text: str) -> int:
    """Return the columns of a terminal that `text` takes: characters take 0, 1 or 2."""
    return sum(
        0 if unicodedata.combining(char) else 1 + _is_wide(char) for char in text
    )


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in {"W", "F"}


def fit_to_width(text: str, width: int) -> str:
    """Fill or cut `text` to exactly `width` columns."""
    if measure_width(text) > width:
        while measure_width(text) >= width:
            text = text[:-1]
        text += "…"
    return text + " " * (width - measure_width(text))
