"""A day and a month are those of UTC."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from django.utils.timezone import now

from ledger.models import DailySpend, Origin, Period
from tests.ledger.factories import (
    USD,
    BudgetFactory,
    DailySpendFactory,
)
from tests.ledger.spending import RUNTIME, reserve

pytestmark = pytest.mark.django_db


def test_yesterday_does_not_count_for_a_daily_budget():
    BudgetFactory(limit_microdollars=USD)
    DailySpendFactory(day=now().date() - timedelta(days=1))
    assert reserve() == USD


def test_the_first_of_the_month_counts_for_a_monthly_budget_and_the_day_before_does_not():
    BudgetFactory(limit_microdollars=2 * USD, period=Period.MONTHLY)
    first = now().date().replace(day=1)
    DailySpendFactory(day=first, spent_microdollars=500_000)
    DailySpendFactory(day=first - timedelta(days=1))
    assert reserve() == 1_500_000


@pytest.mark.parametrize(
    ("period", "moment", "resets_at"),
    [
        (Period.DAILY, (2026, 2, 28, 23, 59, 59), (2026, 3, 1)),
        (Period.DAILY, (2026, 3, 1), (2026, 3, 2)),
        (Period.MONTHLY, (2026, 1, 31, 23, 59, 59), (2026, 2, 1)),
        (Period.MONTHLY, (2026, 2, 1), (2026, 3, 1)),
        (Period.MONTHLY, (2026, 12, 1), (2027, 1, 1)),
        (Period.MONTHLY, (2026, 12, 31, 23, 59, 59), (2027, 1, 1)),
    ],
)
def test_a_window_ends_at_midnight_utc(period, moment, resets_at):
    now = datetime(*moment, tzinfo=UTC)
    assert period.resets_at(now) == datetime(*resets_at, tzinfo=UTC)


def test_windows_are_those_of_utc_wherever_the_clock_is():
    in_berlin = datetime(2026, 2, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert Period.MONTHLY.resets_at(in_berlin) == datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("recorded_at", "day"),
    [
        ("2026-01-31T23:59:59.999999+00:00", "2026-01-31"),
        ("2026-02-01T00:00:00+00:00", "2026-02-01"),
        ("2026-02-01T00:30:00+01:00", "2026-01-31"),
    ],
)
def test_a_cost_counts_on_the_day_it_was_recorded(recorded_at, day):
    at = datetime.fromisoformat(recorded_at)
    origin = Origin(uuid4(), RUNTIME, model="m")
    for amount in (5, 2):
        DailySpend.objects.add({"spent_microdollars": amount}, at=at, origin=origin)
    budgeted = DailySpend.objects.filter(scope__in=["overall", "runtime"])
    spent = {(str(row.day), row.scope_id): row.spent_microdollars for row in budgeted}
    assert spent == {(day, ""): 7, (day, RUNTIME): 7}
