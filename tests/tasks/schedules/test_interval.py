"""What people write for an interval, and the cron expression that it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.schedules.clock import check_cron
from tasks.schedules.interval import IntervalError, parse

MEANT = {
    "every 15 minutes": "*/15 * * * *",
    "every 2 hours": "0 */2 * * *",
    "every minute": "* * * * *",
    "every hour": "0 * * * *",
    "hourly": "0 * * * *",
    "every 3 days": "0 9 */3 * *",
    "daily": "0 9 * * *",
    "daily at 9am": "0 9 * * *",
    "every day at 9:30 PM": "30 21 * * *",
    "Every  Monday at noon": "0 12 * * 1",
    "every sunday at midnight": "0 0 * * 0",
    "on friday at 17:45": "45 17 * * 5",
    "on Wednesdays at 12am": "0 0 * * 3",
    "every thu at 12pm": "0 12 * * 4",
    "weekdays": "0 9 * * 1-5",
    "every weekday at 8am": "0 8 * * 1-5",
    "on weekdays at 08:30": "30 8 * * 1-5",
    "every weekday at 9": "0 9 * * 1-5",
    "weekdays at 9": "0 9 * * 1-5",
    "every day at 9": "0 9 * * *",
    "daily at 0": "0 0 * * *",
    "every monday at 17": "0 17 * * 1",
    "first of every month at 6": "0 6 1 * *",
    "Mon-Fri at 9": "0 9 * * 1-5",
    "mon - thu at 9:30": "30 9 * * 1-4",
    "mon\u2013thu at 9:30": "30 9 * * 1-4",
    "Monday to Friday at 9am": "0 9 * * 1-5",
    "every tue through sun": "0 9 * * 2-7",
    "from sat to mon at noon": "0 12 * * 6,0,1",
    "weekends at 10am": "0 10 * * 0,6",
    "every morning": "0 9 * * *",
    "every afternoon": "0 14 * * *",
    "every evening": "0 18 * * *",
    "every night": "0 21 * * *",
    "twice a day": "0 9,17 * * *",
    "weekly": "0 9 * * 1",
    "monthly": "0 9 1 * *",
    "first of every month": "0 9 1 * *",
    "first of every month at 6pm": "0 18 1 * *",
    "5m": "*/5 * * * *",
    "1m": "* * * * *",
    "30 min": "*/30 * * * *",
    "1h": "0 * * * *",
    "6 hr": "0 */6 * * *",
    "1d": "0 9 * * *",
    "2 days": "0 9 */2 * *",
    "0 9 * * 1-5": "0 9 * * 1-5",
    " 0   9 * *  MON ": "0 9 * * MON",
}


@pytest.mark.parametrize(("text", "cron"), MEANT.items())
def test_words_mean_a_cron_expression(text, cron):
    interval = parse(text)
    assert interval.cron == cron
    assert interval.confidence == 1.0
    assert interval.description


def test_a_time_alone_is_a_guess_at_every_day():
    interval = parse("at 9am")
    assert (interval.cron, interval.confidence) == ("0 9 * * *", 0.9)


def test_an_interval_is_told_in_words():
    assert parse("weekdays at 8:30").description == "At 08:30 on Monday through Friday"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Cannot parse interval"),
        ("whenever", "Cannot parse interval"),
        ("9", "Cannot parse interval"),
        ("every minute at noon", "Cannot parse interval"),
        ("every 9", "Cannot parse interval"),
        ("daily 9", "Cannot parse interval"),
        ("daily at 24", "an hour from 0 to 23"),
        ("every minute at 9", "Cannot parse interval"),
        ("daily at 25:00", "Cannot parse interval"),
        ("daily at 13pm", "Cannot parse interval"),
        ("at 9:60am", "Cannot parse interval"),
        ("0m", "1 to 59"),
        ("60m", "1 to 59"),
        ("24h", "1 to 23"),
        ("32d", "1 to 31"),
        ("* * * *", "five fields, not 4"),
        ("0 0 9 * * *", "five fields, not 6"),
        ("60 * * * *", "Bad minute"),
        ("0 9 * * 1-5-7", "Bad day-of-week"),
        ("0 0 30 2 *", "Bad day-of-month"),
        ("0 0 31 2,4 *", "Bad day-of-month"),
    ],
)
def test_what_nobody_can_read_is_refused_with_examples(text, why):
    with pytest.raises(IntervalError, match=why) as refused:
        parse(text)
    assert "daily at 9am" in str(refused.value)


@given(st.text(max_size=40) | st.from_regex(r"[0-9*/, LW#-]{1,20}", fullmatch=True))
def test_any_text_is_a_cron_that_comes_due_or_is_refused(text):
    try:
        interval = parse(text)
    except IntervalError:
        return
    check_cron(interval.cron)
