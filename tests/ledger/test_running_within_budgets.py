"""What runs turns what it reserved into what it spent, and stops when that is used up."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection

from ledger import budgets
from ledger.budgets import BudgetExceeded
from ledger.models import Budget, DailySpend, Reservation, Scope
from tests.ledger.factories import (
    USD,
    BudgetFactory,
)
from tests.ledger.spending import (
    RUNTIME,
    find_reason_to_stop,
    is_used_up,
    reserve,
    reserved,
    spend,
)

pytestmark = pytest.mark.django_db


def test_a_booking_turns_what_is_reserved_into_what_is_spent():
    BudgetFactory(limit_microdollars=5 * USD)
    task_id = uuid4()
    reserve(task_id)
    spend(task_id, 600_000)
    assert reserved(task_id) == 1_400_000
    assert reserve(limit=9 * USD) == 3 * USD


def test_a_reservation_does_not_fall_below_0():
    task_id = uuid4()
    reserve(task_id)
    spend(task_id, 3 * USD)
    assert reserved(task_id) == 0


def test_a_released_reservation_is_left_to_others():
    BudgetFactory(limit_microdollars=2 * USD)
    task_id = uuid4()
    reserve(task_id)
    spend(task_id, 300_000)
    budgets.release(task_id)
    assert reserve() == 1_700_000


def test_to_release_what_is_not_reserved_is_nothing():
    budgets.release(uuid4())


def test_a_task_is_used_up_at_its_limit():
    task_id = uuid4()
    reserve(task_id)
    spend(task_id, 1_999_995)
    assert not is_used_up(task_id)
    spend(task_id, 5)
    assert is_used_up(task_id)


def test_a_task_stops_when_its_share_of_a_budget_is_used_up():
    BudgetFactory(limit_microdollars=3 * USD)
    first, second = uuid4(), uuid4()
    reserve(first)
    reserve(second)
    spend(second, USD)
    assert is_used_up(second)
    assert not is_used_up(first)


def test_a_task_goes_on_with_what_others_gave_back():
    BudgetFactory(limit_microdollars=3 * USD)
    first, second = uuid4(), uuid4()
    reserve(first)
    reserve(second)
    spend(second, USD)
    budgets.release(first)
    assert not is_used_up(second)
    assert reserved(second) == USD


def test_a_limit_that_is_lowered_stops_tasks_that_run():
    budget = BudgetFactory(limit_microdollars=3 * USD)
    task_id = uuid4()
    reserve(task_id)
    spend(task_id, 600_000)
    assert not is_used_up(task_id)
    Budget.objects.filter(pk=budget.pk).update(limit_microdollars=600_000)
    assert is_used_up(task_id)


def test_a_task_without_a_reservation_has_its_own_limit():
    task_id = uuid4()
    assert not is_used_up(task_id)
    spend(task_id, 2_000_005)
    assert is_used_up(task_id)


@pytest.mark.django_db(transaction=True)
def test_tasks_that_run_and_start_at_once_overstep_by_one_request_each_at_most():
    """Ten tasks book 0.09 USD a request until they are told to stop."""
    BudgetFactory(limit_microdollars=2 * USD)
    request = 90_000

    def run(_):
        task_id = uuid4()
        try:
            reserve(task_id, limit=400_000)
            while not is_used_up(task_id, limit=400_000):
                spend(task_id, request)
        except BudgetExceeded:
            return
        finally:
            budgets.release(task_id)
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(run, range(10)))
    spent = DailySpend.objects.get(scope=Scope.OVERALL).spent_microdollars
    assert 2 * USD - request < spent < 2 * USD + 6 * request
    assert not Reservation.objects.exists()


def test_who_stops_is_told_that_its_own_limit_binds():
    BudgetFactory(limit_microdollars=9 * USD)
    task_id = uuid4()
    reserve(task_id)
    spend(task_id, 2 * USD)
    assert str(find_reason_to_stop(task_id)) == (
        "This task has used up its own budget of 2.00 USD: raise maxBudgetUsd to go on."
    )


def test_who_stops_is_told_which_budget_was_spent_and_when_it_resets():
    BudgetFactory(limit_microdollars=9 * USD)
    budget = BudgetFactory(
        limit_microdollars=USD, scope=Scope.RUNTIME, scope_id=RUNTIME
    )
    task_id = uuid4()
    reserve(task_id)
    spend(task_id, USD)
    exceeded = find_reason_to_stop(task_id)
    assert str(exceeded).startswith(f"The {budget} is used up (1.00 USD spent), resets")
    assert exceeded.retry_after_seconds > 0


def test_who_stops_at_a_limit_that_was_lowered_is_told_which():
    budget = BudgetFactory(limit_microdollars=3 * USD)
    task_id = uuid4()
    reserve(task_id)
    spend(task_id, 600_000)
    Budget.objects.filter(pk=budget.pk).update(limit_microdollars=500_000)
    assert str(find_reason_to_stop(task_id)).startswith(
        "The daily budget of 0.50 USD is used up"
    )


def test_who_stops_is_told_that_others_hold_the_rest():
    BudgetFactory(limit_microdollars=3 * USD)
    first, second = uuid4(), uuid4()
    reserve(first)
    reserve(second)
    spend(second, USD)
    exceeded = find_reason_to_stop(second)
    assert str(exceeded) == (
        "Running tasks hold what is left of the daily budget of 3.00 USD: 2.00 USD are"
        " reserved for them, and 1.00 USD spent. Try again when one of them has ended, or"
        " raise the budget."
    )
    assert exceeded.retry_after_seconds is None


def test_asking_whether_to_go_on_takes_three_queries(django_assert_num_queries):
    BudgetFactory()
    task_id = uuid4()
    reserve(task_id)
    with django_assert_num_queries(3):
        is_used_up(task_id)


def test_a_run_that_was_ended_meanwhile_reserves_nothing_again():
    """Who asks has read the reservation; who ends the run releases it before it is locked."""
    task_id = uuid4()
    reserve(task_id)
    Reservation.objects.update(amount_microdollars=0)
    as_it_was_read = Reservation.objects.get()
    budgets.release(task_id)
    assert budgets._reserve_again(as_it_was_read, 2 * USD) is None
    assert not Reservation.objects.exists()


def test_a_run_reserves_nothing_beside_its_successor():
    task_id = uuid4()
    reserve(task_id)
    Reservation.objects.update(amount_microdollars=0, run_id=uuid4())
    assert not is_used_up(task_id)
    assert reserved(task_id) == 0
