"""Nothing starts without money, neither one after another nor at once."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection
from django.utils.timezone import now

from ledger.budgets import BudgetExceeded
from ledger.models import LedgerEntry, Period, Reservation, Scope
from tests.ledger.factories import (
    USD,
    BudgetFactory,
    DailySpendFactory,
    FreeUsageFactory,
    LedgerEntryFactory,
    ReservationFactory,
    UnknownUsageFactory,
)
from tests.ledger.spending import RUNTIME, is_used_up, reserve, reserved, spend

pytestmark = pytest.mark.django_db


def test_without_budgets_a_task_reserves_all_of_its_own():
    task_id = uuid4()
    assert reserve(task_id) == 2 * USD
    assert reserved(task_id) == 2 * USD


def test_a_tasks_limit_is_over_all_its_runs():
    task_id = uuid4()
    spend(task_id, 1_500_000)
    assert reserve(task_id) == 500_000


def test_a_task_that_used_up_its_limit_does_not_start_and_waiting_does_not_help():
    task_id = uuid4()
    spend(task_id, 2_100_000)
    with pytest.raises(
        BudgetExceeded, match=r"budget of 2.00 USD: raise maxBudgetUsd"
    ) as raised:
        reserve(task_id)
    assert raised.value.retry_after_seconds is None


def test_unknown_and_free_costs_use_up_nothing():
    task_id = uuid4()
    reserve(task_id)
    LedgerEntryFactory(task_id=task_id, usage=UnknownUsageFactory())
    LedgerEntryFactory(task_id=task_id, usage=FreeUsageFactory())
    assert reserved(task_id) == 2 * USD
    assert not is_used_up(task_id)


def test_a_correction_gives_a_task_its_money_back():
    task_id = uuid4()
    entry = spend(task_id, 1_500_000)
    LedgerEntry.objects.correct(entry, reason="a mistake")
    assert reserve(task_id) == 2 * USD


def test_what_is_left_of_a_budget_bounds_the_reservation():
    BudgetFactory(limit_microdollars=5 * USD)
    DailySpendFactory(spent_microdollars=4_100_000)
    assert reserve() == 900_000


def test_the_smallest_of_many_budgets_counts():
    BudgetFactory(limit_microdollars=5 * USD)
    BudgetFactory(limit_microdollars=USD, scope=Scope.PROJECT, scope_id="proj-8f3a")
    assert reserve(project_id="proj-8f3a") == USD


def test_what_other_tasks_reserved_is_not_left():
    BudgetFactory(limit_microdollars=3 * USD)
    assert [reserve(), reserve()] == [2 * USD, USD]
    with pytest.raises(
        BudgetExceeded, match=r"Running tasks hold .* 3.00 USD"
    ) as raised:
        reserve()
    assert raised.value.retry_after_seconds is None
    assert "reset" not in raised.value.message


def test_what_is_spent_binds_longer_than_what_is_held():
    BudgetFactory(limit_microdollars=USD, period=Period.DAILY)
    BudgetFactory(limit_microdollars=USD, scope=Scope.RUNTIME, scope_id=RUNTIME)
    spend(uuid4(), USD, runtime="ollama")
    ReservationFactory(amount_microdollars=USD)
    with pytest.raises(BudgetExceeded, match=r"budget of 1.00 USD is used up"):
        reserve()


def test_a_task_that_starts_again_is_not_in_its_own_way():
    BudgetFactory(limit_microdollars=2 * USD)
    task_id = uuid4()
    reserve(task_id)
    assert reserve(task_id) == 2 * USD
    assert Reservation.objects.count() == 1


@pytest.mark.parametrize(
    "budget",
    [
        {"is_active": False},
        {"scope": Scope.RUNTIME, "scope_id": "ollama"},
        {"scope": Scope.PROJECT, "scope_id": "another"},
    ],
)
def test_a_budget_that_does_not_apply_stops_nothing(budget):
    BudgetFactory(limit_microdollars=0, **budget)
    assert reserve(project_id="proj-8f3a") == 2 * USD


@pytest.mark.parametrize(
    "budget",
    [
        {"scope": Scope.OVERALL},
        {"scope": Scope.RUNTIME, "scope_id": RUNTIME},
        {"scope": Scope.PROJECT, "scope_id": "proj-8f3a"},
    ],
)
def test_each_scope_counts_what_is_booked_and_reserved_in_it(budget):
    BudgetFactory(limit_microdollars=5 * USD, **budget)
    spend(uuid4(), 3 * USD, project_id="proj-8f3a")
    ReservationFactory(amount_microdollars=USD, project_id="proj-8f3a")
    assert reserve(project_id="proj-8f3a") == USD


def test_a_budget_of_a_runtime_ignores_other_runtimes():
    BudgetFactory(limit_microdollars=USD, scope=Scope.RUNTIME, scope_id=RUNTIME)
    spend(uuid4(), 3 * USD, runtime="openai-direct")
    ReservationFactory(runtime="openai-direct")
    assert reserve() == USD


def test_a_used_up_budget_says_which_it_is_and_when_it_resets():
    BudgetFactory(scope=Scope.RUNTIME, scope_id=RUNTIME)
    DailySpendFactory(scope=Scope.RUNTIME, scope_id=RUNTIME, spent_microdollars=5 * USD)
    with pytest.raises(BudgetExceeded) as raised:
        reserve()
    assert raised.value.message.startswith(
        "The daily budget of 5.00 USD for runtime anthropic-direct is used up"
    )
    resets_at = Period.DAILY.resets_at(now())
    assert f"resets at {resets_at:%Y-%m-%d} 00:00 UTC" in raised.value.message
    seconds = (resets_at - now()).total_seconds()
    assert 0 < raised.value.retry_after_seconds <= seconds + 60


def test_of_two_used_up_budgets_the_later_to_reset_is_named():
    BudgetFactory(limit_microdollars=0, period=Period.DAILY)
    BudgetFactory(limit_microdollars=0, period=Period.MONTHLY)
    # On the last day of a month both reset at once.
    if Period.DAILY.resets_at(now()) == Period.MONTHLY.resets_at(now()):
        name = "daily|monthly"
    else:
        name = "monthly"
    with pytest.raises(BudgetExceeded, match=f"The ({name}) budget"):
        reserve()


@pytest.mark.parametrize(
    ("budget", "constraint"),
    [
        ({"scope": Scope.OVERALL, "scope_id": "ollama"}, "ledger_budget_scope"),
        ({"scope": Scope.RUNTIME, "scope_id": ""}, "ledger_budget_scope"),
        ({"scope": "planet", "scope_id": "earth"}, "ledger_budget_scope"),
        ({"period": "hourly"}, "ledger_budget_period"),
    ],
)
def test_a_budget_that_means_nothing_is_refused(budget, constraint):
    with pytest.raises(IntegrityError, match=constraint):
        BudgetFactory(**budget)


def test_there_is_one_budget_of_a_scope_and_period():
    BudgetFactory()
    with pytest.raises(IntegrityError):
        BudgetFactory()


@pytest.mark.django_db(transaction=True)
def test_of_50_starts_at_once_as_many_run_as_there_is_money_for():
    BudgetFactory(limit_microdollars=6 * USD)
    BudgetFactory(limit_microdollars=7 * USD, scope=Scope.RUNTIME, scope_id=RUNTIME)

    def start(_):
        try:
            return reserve()
        except BudgetExceeded:
            return 0
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        amounts = list(threads.map(start, range(50)))
    assert [amount for amount in amounts if amount] == [2 * USD] * 3
    assert Reservation.objects.count() == 3


def test_reserving_takes_the_same_queries_however_much_there_is(
    django_assert_max_num_queries, django_assert_num_queries
):
    BudgetFactory()
    with django_assert_max_num_queries(6) as first:
        reserve()
    BudgetFactory(limit_microdollars=99 * USD, scope=Scope.RUNTIME, scope_id=RUNTIME)
    for _ in range(20):
        ReservationFactory(amount_microdollars=1)
        LedgerEntryFactory()
    with django_assert_num_queries(len(first)):
        reserve()
