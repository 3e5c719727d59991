"""When a cron expression comes due in a time zone, over changes of its clock too.

What names its hours and minutes means once a day at that time: in an hour that comes twice
it counts the first time, and one that does not exist is at the end of the gap. What has a
`*` for its minutes or hours goes by real time, so a quarter of an hour stays one.

CronSim finds the times on a clock that never changes. Its own way over the changes misses
a time where they are not of whole hours, and counts an hour twice that it is started in.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

SECOND, MINUTE, WEEK = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(weeks=1),
)


class CronError(ValueError):
    """This is no cron expression, or one that never comes due. The message is for people."""


@cache
def zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def check_cron(cron: str) -> None:
    """Raise CronError if `cron` is not five fields that come due some day."""
    fields = cron.split()
    if len(fields) != 5:
        raise CronError(f"A cron expression has five fields, not {len(fields)}.")
    try:
        found = next(CronSim(cron, datetime(2026, 1, 1)), None)  # noqa: DTZ001
    except CronSimError as error:
        raise CronError(f"{error} in the cron expression.") from error
    if found is None:
        raise CronError("The cron expression names a day that never comes.")


def describe(cron: str) -> str:
    """Say a cron expression in words: `At 09:00 on Monday`."""
    text: str = CronSim(cron, datetime(2026, 1, 1)).explain()  # noqa: DTZ001
    return text


def next_time(cron: str, zone: str, after: datetime) -> datetime | None:
    """Return the first time after `after`, in UTC; None if there is none in fifty years."""
    return next(times(cron, zone, after), None)


def next_times(cron: str, zone: str, after: datetime, count: int) -> list[datetime]:
    return list(islice(times(cron, zone, after), count))


def times(cron: str, zone: str, after: datetime) -> Iterator[datetime]:
    """Yield the times after `after`, in UTC and rising."""
    follow = _step_by_real_time if _is_by_real_time(cron) else _step_by_the_clock
    return follow(cron, ZoneInfo(zone), after.astimezone(UTC))


def _is_by_real_time(cron: str) -> bool:
    minute, hour, *_ = cron.split()
    return minute.startswith("*") or hour.startswith("*")


def _step_by_the_clock(
    cron: str, zone: ZoneInfo, after: datetime
) -> Iterator[datetime]:
    for wall in CronSim(cron, _wall(after, zone)):
        moment = _moment(wall, zone)
        if moment > after:  # not the same hour again, nor another time of the same gap
            yield moment
            after = moment


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clock shows `wall` first, or shows more as it jumps over it."""
    while True:
        moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if _wall(moment, zone) == wall:
            return moment
        wall += MINUTE


def _step_by_real_time(
    cron: str, zone: ZoneInfo, after: datetime
) -> Iterator[datetime]:
    start, wall = after, _wall(after, zone)
    while True:
        offset = zone.utcoffset(start.astimezone(zone))
        found = next(CronSim(cron, wall), None)
        if offset is None or found is None:
            return
        moment = (found - offset).replace(tzinfo=UTC)
        if change := _first_change(zone, start, moment):
            # What is left of the way goes by the clock as it is from then on.
            start, wall = change, _wall(change, zone) - SECOND
        else:
            yield moment
            start, wall = moment, found


def _first_change(zone: ZoneInfo, start: datetime, end: datetime) -> datetime | None:
    """Return when the zone's offset changes first after `start`, up to `end`, to the second."""
    before = zone.utcoffset(start.astimezone(zone))
    while start < end:
        later = min(start + WEEK, end)
        if zone.utcoffset(later.astimezone(zone)) != before:
            return _change_between(zone, start, later)
        start = later
    return None


def _change_between(zone: ZoneInfo, start: datetime, end: datetime) -> datetime:
    before = zone.utcoffset(start.astimezone(zone))
    start, end = start.replace(microsecond=0), _whole_second(end)
    while end - start > SECOND:
        middle = start + timedelta(seconds=(end - start) // SECOND // 2)
        if zone.utcoffset(middle.astimezone(zone)) == before:
            start = middle
        else:
            end = middle
    return end


def _whole_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0) + (
        SECOND if moment.microsecond else SECOND * 0
    )


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return what a clock in `zone` shows, without its zone."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)
