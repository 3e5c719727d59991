"""How values look to people: times, money, states, and text that may hide something."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from ledger.admin.display import EMPTY
from ledger.admin.display import format_cents as cents
from ledger.admin.display import format_money as money
from ledger.admin.display import show_amount as amount
from ledger.admin.display import show_moment as moment
from tasks.models import Run
from tasks.rules.visible_text import is_plain, name_of

__all__ = ["EMPTY", "amount", "cents", "moment", "money"]

TAKEN_OVER = "Taken over"  # what a person is told of a run that its worker lost
# unfold's name for the colour of each state.
TONES = {
    "uploaded": "primary",
    "processing": "info",
    "ready": "success",
    "queued": "primary",
    "running": "info",
    "completed": "success",
    "failed": "danger",
    "waiting_approval": "warning",
    "stopped": "danger",
    "handed_over": "info",
    "parked": "warning",
    "lost": "info",
    "pending": "warning",
    "active": "info",
    "paused": "warning",
    "started": "info",
    "waiting": "primary",
    "refused": "danger",
    "missed": "warning",
    "allowed": "success",
    "denied": "danger",
    "allow": "success",
    "deny": "danger",
    "error": "danger",
    "retry": "warning",
    "permission_request": "warning",
    "result": "success",
}


def reveal(text: str) -> SafeString:
    """Escape `text`, and name every character in it that a person would not see."""
    if is_plain(text):
        return escape(text)
    return mark_safe(text.translate(_Shown()))  # noqa: S308 (each is escaped)


class _Shown(dict[int, str]):
    """How each character of a text is shown, found out once: a text may be very long."""

    def __missing__(self, code: int) -> str:
        shown = self[code] = _show_character(chr(code))
        return shown


def _show_character(char: str) -> str:
    if char in "\n\t" or is_plain(char):
        return escape(char)
    return format_html(
        '<mark class="st-hidden" title="{}">{}</mark>',
        name_of(char),
        f"U+{ord(char):04X}",
    )


def pretty(value: Any) -> SafeString:
    return reveal(written(value))


def written(value: Any) -> str:
    """Write a JSON value; text as it is, so that its lines are lines."""
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False)


def block(value: Any) -> SafeString:
    return format_html('<pre class="st-pre">{}</pre>', pretty(value))


def fields(data: dict[str, Any]) -> SafeString:
    """Show each key of a JSON object with its value."""
    rows = ((reveal(key), block(value)) for key, value in data.items())
    return format_html(
        '<dl class="st-fields">{}</dl>',
        format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows),
    )


def label(text: object, tone: str = "") -> SafeString:
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": tone})


def state(value: str, text: str = "") -> SafeString:
    """Show a status, an effect or an event type in its colour."""
    return label(text or value, TONES.get(value, ""))


def run_state(run: Run) -> SafeString:
    """Show how far a run is. One that is lost has a successor, which went on from it."""
    is_lost = run.status == Run.Status.LOST
    return state(run.status, TAKEN_OVER if is_lost else run.get_status_display())


def ago(time: datetime | None) -> str:
    """Show a time as its distance, with the time itself to be hovered over."""
    if time is None:
        return EMPTY
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        time.isoformat(),
        f"{time:%Y-%m-%d %H:%M:%S} UTC",
        _roughly(naturaltime(time)),
    )


def _roughly(distance: str) -> str:
    """Leave the lesser unit out: “1 day, 4 hours ago” is a day ago."""
    first, comma, rest = distance.partition(",")
    if not comma:
        return distance
    return f"{first} ago" if rest.endswith("ago") else f"{first} from now"


def duration(start: datetime | None, end: datetime | None) -> str:
    """Show what lies between: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if start is None or end is None:
        return EMPTY
    return length(end - start)


def length(time: timedelta) -> str:
    """Show a length of time as `duration` does; a negative one as none."""
    seconds = max(time, timedelta()).total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def count(number: int) -> str:
    """Show a large number in short: 950, 12.4k, 3.1M."""
    for size_of_it, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if abs(number) >= size_of_it:
            return f"{number / size_of_it:.1f}{letter}"
    return str(number)


def size(count: int) -> str:
    """Show a number of bytes: 12 B, 3.4 kB, 1.2 MB."""
    if count < 1000:
        return f"{count} B"
    if count < 1_000_000:
        return f"{count / 1000:.1f} kB"
    return f"{count / 1_000_000:.1f} MB"


def find_page(obj: Model) -> str:
    meta = obj._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[obj.pk])


def find_task_page(task_id: UUID) -> str:
    return reverse("admin:tasks_task_change", args=[task_id])


def link(obj: Model | None, shown: SafeString | None = None) -> str:
    """Link to an object's page in the admin."""
    if obj is None:
        return EMPTY
    text = reveal(str(obj)) if shown is None else shown
    return format_html('<a class="st-link" href="{}">{}</a>', find_page(obj), text)


def link_to(url: str | None, text: str) -> SafeString:
    """Link to an address, or show the text alone where there is none."""
    shown = reveal(text)
    return (
        format_html('<a class="st-link" href="{}">{}</a>', url, shown) if url else shown
    )


def shorten(text: str, length: int = 120) -> SafeString:
    """Show the first line of `text`, at most `length` characters of it."""
    first = text.strip().partition("\n")[0]
    is_whole = first == text.strip() and len(first) <= length
    return reveal(first[:length] + ("" if is_whole else " …"))


def some(items: Iterable[object], limit: int = 5) -> str:
    """Name the first of `items` and how many more there are."""
    names = [str(item) for item in items]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
