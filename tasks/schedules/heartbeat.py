"""Heartbeats: a checklist that an agent goes through, to tell whether there is anything to do."""

import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Sum

from ledger.models import LedgerEntry, Reservation
from tasks.models import Firing, Schedule, Task

JSON = dict[str, Any]

STATUSES = ("action_needed", "ok", "skipped")
MAX_BRIEF = 2000  # characters, as of every task's description
RECENT = timedelta(days=7)  # firings whose tasks may still spend today
ASKED_FOR = (
    "Check each point of this list. End with one JSON object and nothing after it:"
    ' {"action_needed": true or false, "items": [{"id": "…", "status":'
    ' "action_needed", "ok" or "skipped", "summary": "one sentence"}]}'
)
UNREADABLE = "The agent gave no JSON object with action_needed: taken as action needed."


def make_prompt(schedule: Schedule) -> str:
    """Write the brief of a heartbeat: the prompt, the checklist and the form of the result."""
    points = (
        f"- [{item['id']}] ({item['priority']}) {item['instruction']}"
        for item in schedule.checklist
    )
    parts = (schedule.prompt, "\n".join(points), ASKED_FOR)
    return "\n\n".join(part for part in parts if part)


# --- What the agent found --------------------------------------------------------------------


def read_report(result: str) -> JSON:
    """Return `{action_needed, items, note?}`. What cannot be read counts as action needed."""
    for found in _find_objects(result):
        if isinstance(found.get("action_needed"), bool):
            items = found.get("items")
            return {
                "action_needed": found["action_needed"],
                "items": _items(items if isinstance(items, list) else []),
            }
    return {"action_needed": True, "items": [], "note": UNREADABLE}


def _find_objects(text: str) -> Iterator[JSON]:
    """Yield the JSON objects in a text, wherever they are, the last one first."""
    decoder = json.JSONDecoder()
    found: list[JSON] = []
    start = text.find("{")
    while start >= 0:
        try:
            value, start = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start += 1
        else:
            found.append(value)
        start = text.find("{", start)
    return reversed(found)


def _items(items: list[Any]) -> list[JSON]:
    return [
        {
            "id": _storable(item.get("id", ""), 100),
            "status": item["status"],
            "summary": _storable(item.get("summary", ""), 1000),
        }
        for item in items[:100]
        if isinstance(item, dict) and item.get("status") in STATUSES
    ]


def _storable(value: Any, length: int) -> str:
    """Return text that every database takes, whatever an agent wrote."""
    text = str(value)[:length].replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode(errors="replace").decode()


# --- What heartbeats may spend a day ---------------------------------------------------------


def spent_today(schedule: Schedule, now: datetime) -> int:
    """Return what its tasks spent since midnight in its active zone, in microdollars."""
    zone = ZoneInfo(schedule.active_timezone)
    midnight = datetime.combine(now.astimezone(zone).date(), time(), tzinfo=zone)
    recent = schedule.firings.filter(created_at__gte=midnight - RECENT)
    entries = LedgerEntry.objects.filter(
        task_id__in=list(recent.exclude(task=None).values_list("task_id", flat=True)),
        recorded_at__gte=midnight,
    )
    return entries.aggregate(spent=Sum("cost_microdollars"))["spent"] or 0


def left_today(schedule: Schedule, now: datetime) -> int | None:
    """Return what another heartbeat may spend, in microdollars; None without a budget."""
    budget = schedule.heartbeat_budget_microdollars
    if budget is None:
        return None
    going_on = Firing.objects.going_on().filter(schedule=schedule)
    held = Reservation.objects.filter(
        task_id__in=list(going_on.exclude(task=None).values_list("task_id", flat=True))
    ).aggregate(held=Sum("amount_microdollars"))["held"]
    return max(0, budget - spent_today(schedule, now) - (held or 0))


def bound_to(task: Task, left_microdollars: int) -> None:
    """Let a task spend no more than what is left of the day's budget."""
    task.max_budget_microdollars = min(task.budget_microdollars, left_microdollars)
