"""When a schedule fires next, within its active hours and before its end."""

from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from tasks.models import Schedule
from tasks.schedules.clock import times

# More than the minutes of a day: enough to get past the hours in which a heartbeat rests.
MOST_LOOKED_AT = 2_000


def next_fire_at(schedule: Schedule, after: datetime) -> datetime | None:
    """Return the next time after `after`, in UTC; None if it fires no more."""
    return next(iter(next_fire_times(schedule, after, 1)), None)


def next_fire_times(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    """Return up to `count` times, as it will keep them if nobody changes it."""
    if not schedule.cron_expression:
        return []
    found: list[datetime] = []
    moments = times(schedule.cron_expression, schedule.timezone, after)
    for moment in islice(moments, MOST_LOOKED_AT):
        if schedule.expires_at and moment >= schedule.expires_at:
            break
        if is_in_active_hours(schedule, moment):
            found.append(moment)
        if len(found) == count:
            break
    return found


def is_in_active_hours(schedule: Schedule, moment: datetime) -> bool:
    """Tell whether the hour is one of its own: from `start`, before `end`, past midnight too."""
    start, end = schedule.active_hours_start, schedule.active_hours_end
    if start is None or end is None or start == end:
        return True
    hour = moment.astimezone(ZoneInfo(schedule.active_timezone)).hour
    return start <= hour < end if start < end else hour >= start or hour < end
