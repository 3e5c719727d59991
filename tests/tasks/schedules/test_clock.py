"""Next times over every change of the clock in 2026 and 2027, in three zones.

New York changes by an hour at 2 and Berlin at 2 and 3, Lord Howe by half an hour at 2.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest

from tasks.schedules.clock import CronError, check_cron, next_time, next_times, times

ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"]
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def local_times(cron, zone, start=START, end=END):
    found = takewhile(lambda moment: moment < end, times(cron, zone, start))
    return [moment.astimezone(ZoneInfo(zone)) for moment in found]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", ["30 1 * * *", "30 2 * * *", "15 2 * * *"])
def test_daily_means_once_a_day(cron, zone):
    days = Counter(moment.date() for moment in local_times(cron, zone))
    assert set(days.values()) == {1}
    assert len(days) in {729, 730}  # the year's first may have passed by UTC's midnight
    assert max(days) - min(days) == timedelta(days=len(days) - 1)


@pytest.mark.parametrize("zone", ZONES)
def test_daily_is_at_its_time_but_on_days_that_lack_it(zone):
    odd = [
        moment.strftime("%Y-%m-%d %H:%M")
        for moment in local_times("30 2 * * *", zone)
        if (moment.hour, moment.minute) != (2, 30)
    ]
    gaps = {
        "America/New_York": ["2026-03-08 03:00", "2027-03-14 03:00"],
        "Europe/Berlin": ["2026-03-29 03:00", "2027-03-28 03:00"],
        "Australia/Lord_Howe": [],  # where the gap ends at half past two
    }
    assert odd == gaps[zone]


@pytest.mark.parametrize(
    ("cron", "zone", "first"),
    [
        ("30 1 * * *", "America/New_York", "2026-11-01T05:30"),
        ("30 1 * * *", "America/New_York", "2027-11-07T05:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30"),
        ("30 2 * * *", "Europe/Berlin", "2027-10-31T00:30"),
        ("30 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:30"),
        ("30 1 * * *", "Australia/Lord_Howe", "2027-04-03T14:30"),
    ],
)
def test_in_an_hour_that_comes_twice_it_fires_the_first_time_alone(cron, zone, first):
    first = datetime.fromisoformat(first).replace(tzinfo=UTC)
    assert next_time(cron, zone, first - timedelta(minutes=1)) == first
    # Asked anew at any moment after: also where the clock shows an earlier time again.
    for minutes in range(0, 180, 5):
        later = next_time(cron, zone, first + timedelta(minutes=minutes))
        assert timedelta(hours=23) < later - first < timedelta(hours=26)


@pytest.mark.parametrize("zone", ZONES)
def test_every_quarter_of_an_hour_is_one_of_real_time(zone):
    moments = local_times("*/15 * * * *", zone)
    utc = [moment.astimezone(UTC) for moment in moments]
    assert {b - a for a, b in pairwise(utc)} == {QUARTER}
    assert utc[0] == START + QUARTER


@pytest.mark.parametrize("zone", ZONES)
def test_every_three_hours_misses_none_that_the_clock_shows(zone):
    """CronSim by itself misses 03:00 in Lord Howe on the day of a change by half an hour."""
    expected = [
        moment
        for hour in range(int((END - START).total_seconds()) // 1800)
        if (moment := (START + hour * 2 * QUARTER).astimezone(ZoneInfo(zone))).minute
        == 0
        and moment.hour % 3 == 0
        and hour
    ]
    assert local_times("0 */3 * * *", zone) == expected


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", ["30 1 * * *", "30 2 * * *", "*/15 * * * *"])
def test_asked_step_by_step_it_says_the_same_as_at_once(cron, zone):
    around = [datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC)]
    around += [datetime(2026, 10, 31, tzinfo=UTC), datetime(2027, 3, 13, tzinfo=UTC)]
    for start in around:
        steps = [start]
        for _ in range(200):
            steps.append(next_time(cron, zone, steps[-1]))
        assert steps[1:] == next_times(cron, zone, start, 200)


def test_two_times_in_one_gap_are_one():
    start = datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert next_times("0,30 2 * * *", "America/New_York", start, 2) == [
        datetime(2026, 3, 8, 7, tzinfo=UTC),
        datetime(2026, 3, 9, 6, tzinfo=UTC),
    ]


def test_rare_days_are_found():
    start = datetime(2026, 11, 28, tzinfo=UTC)
    leap = next_times("0 0 29 2 *", "Europe/Berlin", start, 2)
    assert [moment.year for moment in leap] == [2028, 2032]


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 4,6 *", "0 9 * *", "@daily"])
def test_what_never_comes_due_is_no_cron_expression(cron):
    with pytest.raises(CronError):
        check_cron(cron)
