"""What an interval means, said while it is written: its words and its next times."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import QueryDict

from tasks.models import Schedule
from tasks.schedules import interval, plan
from tasks.schedules.checks import find_zone_problem
from tasks.schedules.clock import zone_names

SHOWN_TIMES = 5


def preview(form: QueryDict, now: datetime) -> dict[str, str]:
    """Return the `text` to show beneath the interval, or the `error` that is in it."""
    written = form.get("interval", "").strip()
    zone = form.get("timezone", "").strip() or "UTC"
    if not written:
        return {"text": ""}
    try:
        found = interval.parse(written)
    except interval.IntervalError as error:
        return {"error": str(error)}
    if problem := find_zone_problem(zone):
        return {"error": f"{problem}."}
    schedule = Schedule(timezone=zone, cron_expression=found.cron)
    _limit_to_active_hours(schedule, form)
    times = plan.next_fire_times(schedule, now, SHOWN_TIMES)
    if not times:
        return {"error": "With its active hours it would never fire."}
    told = "; ".join(in_short(time, schedule) for time in times)
    return {"text": f"{found.description} ({zone}). Next: {told}."}


def _limit_to_active_hours(schedule: Schedule, form: QueryDict) -> None:
    """Keep to the hours that the form names, once it names both of them."""
    start, end = (form.get(f"active_hours_{name}", "") for name in ("start", "end"))
    zone = form.get("active_timezone", "")
    are_hours = all(
        hour.isascii() and hour.isdigit() and len(hour) <= 2 for hour in (start, end)
    )
    if are_hours and zone in zone_names():
        schedule.active_hours_start, schedule.active_hours_end = int(start), int(end)
        schedule.active_timezone = zone


def describe_moment(moment: datetime, schedule: Schedule) -> str:
    """Say a time by the clock of the schedule's zone: Monday 30 November 2026, 09:00 CET."""
    return f"{_on_its_clock(moment, schedule):%A %-d %B %Y, %H:%M %Z}"


def in_short(moment: datetime, schedule: Schedule) -> str:
    """Say it in short: Mon 30 Nov, 09:00 CET."""
    return f"{_on_its_clock(moment, schedule):%a %-d %b, %H:%M %Z}"


def _on_its_clock(moment: datetime, schedule: Schedule) -> datetime:
    zone = schedule.timezone if schedule.timezone in zone_names() else "UTC"
    return moment.astimezone(ZoneInfo(zone))
