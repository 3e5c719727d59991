"""The operator's pages: the book, budgets, reservations."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from ledger.models import Budget, LedgerEntry, Scope
from tests.factories import ProjectFactory, TaskFactory, UserFactory
from tests.ledger.factories import (
    USD,
    BudgetFactory,
    DailySpendFactory,
    LedgerEntryFactory,
    ReservationFactory,
    UnknownUsageFactory,
    UsageFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ledger.urls")]

BOOK = "admin:ledger_ledgerentry_changelist"
BUDGETS = "admin:ledger_budget_changelist"
RESERVATIONS = "admin:ledger_reservation_changelist"


def page(client, name, *args, **query):
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_book_shows_tokens_and_money_for_people(admin_client):
    LedgerEntryFactory(usage=UsageFactory(input_tokens=12_450, output_tokens=723))
    text = page(admin_client, BOOK)
    assert "12,450" in text
    assert "$0.048195" in text


def test_the_book_and_reservations_name_tasks_and_projects(admin_client):
    task = TaskFactory(title="Sum it up", project=ProjectFactory(name="Marketing"))
    ids = {"task_id": task.pk, "project_id": task.project_id}
    entry = LedgerEntryFactory(**ids)
    ReservationFactory(**ids)
    for name in (BOOK, RESERVATIONS):
        text = page(admin_client, name)
        assert f'href="/admin/tasks/task/{task.pk}/change/">Sum it up</a>' in text
        assert "Marketing" in text
    assert "Sum it up" in page(
        admin_client, "admin:ledger_ledgerentry_change", entry.pk
    )


def test_the_book_says_unknown_and_not_0(admin_client):
    LedgerEntryFactory(usage=UnknownUsageFactory())
    text = page(admin_client, BOOK)
    assert "unknown" in text
    assert text.count(">$0.00<") == 2  # and this month


def test_the_book_shows_what_today_and_this_month_cost(admin_client):
    DailySpendFactory(spent_microdollars=1_250_000)
    assert page(admin_client, BOOK).count(">$1.25<") == 2


def test_an_entry_shows_its_price(admin_client):
    entry = LedgerEntryFactory()
    text = page(admin_client, "admin:ledger_ledgerentry_change", entry.pk)
    assert (
        "input $3.00, cache read $0.30, cache write $3.75 ($6.00 for an hour)" in text
    )


def test_an_entry_of_unknown_price_and_a_correction_have_pages(admin_client):
    unknown = LedgerEntryFactory(usage=UnknownUsageFactory())
    correction = LedgerEntry.objects.correct(LedgerEntryFactory(), reason="a mistake")
    assert "unknown" in page(
        admin_client, "admin:ledger_ledgerentry_change", unknown.pk
    )
    text = page(admin_client, "admin:ledger_ledgerentry_change", correction.pk)
    assert "-$0.006" in text
    assert "a mistake" in text


@pytest.mark.parametrize("row", [LedgerEntryFactory, ReservationFactory])
def test_the_book_and_reservations_are_read_only(admin_client, row):
    obj = row()
    base = f"admin:ledger_{obj._meta.model_name}"
    for url in (
        reverse(f"{base}_add"),
        reverse(f"{base}_delete", args=[obj.pk]),
        reverse(f"{base}_change", args=[obj.pk]),
    ):
        assert admin_client.post(url, {"post": "yes"}).status_code == 403
    assert type(obj).objects.get() == obj


def test_the_book_finds_a_task_or_run_by_its_id(admin_client):
    wanted = LedgerEntryFactory()
    LedgerEntryFactory(usage=UnknownUsageFactory())
    for found in (wanted.task_id, wanted.run_id):
        text = page(admin_client, BOOK, q=str(found))
        assert str(wanted.task_id) in text
        assert "unheard-of:8b</td>" not in text
    assert str(wanted.task_id) not in page(admin_client, BOOK, q=str(uuid4()))


def test_the_book_finds_a_model_by_a_part_of_its_name(admin_client):
    claude = LedgerEntryFactory()
    qwen = LedgerEntryFactory(usage=UnknownUsageFactory())
    text = page(admin_client, BOOK, q="UNHEARD")
    assert str(qwen.task_id) in text
    assert str(claude.task_id) not in text


@pytest.mark.parametrize(
    "query",
    [
        {"runtime": "ollama"},
        {"provider": "nobody"},
        {"model": "unheard-of:8b"},
        {"cost": "unknown"},
    ],
)
def test_the_book_is_filtered(admin_client, query):
    claude = LedgerEntryFactory()
    qwen = LedgerEntryFactory(usage=UnknownUsageFactory(), runtime="ollama")
    text = page(admin_client, BOOK, **query)
    assert str(qwen.task_id) in text
    assert str(claude.task_id) not in text


@pytest.mark.parametrize(
    ("name", "row"),
    [
        (BOOK, LedgerEntryFactory),
        (RESERVATIONS, ReservationFactory),
        (
            BUDGETS,
            lambda: BudgetFactory(scope=Scope.PROJECT, scope_id=str(uuid4())),
        ),
    ],
)
def test_a_list_takes_the_same_queries_however_long(
    admin_client, django_assert_max_num_queries, django_assert_num_queries, name, row
):
    row()
    page(admin_client, name)
    with django_assert_max_num_queries(12) as first:
        page(admin_client, name)
    for _ in range(10):
        row()
    with django_assert_num_queries(len(first)):
        page(admin_client, name)


def test_a_budget_shows_what_is_left_of_it(admin_client):
    budget = BudgetFactory(limit_microdollars=5 * USD)
    DailySpendFactory(spent_microdollars=1_200_000)
    ReservationFactory(amount_microdollars=500_000)
    for text in (
        page(admin_client, BUDGETS),
        page(admin_client, "admin:ledger_budget_change", budget.pk),
    ):
        for amount in ("$1.20", "$0.50", "$3.30", "00:00 UTC"):
            assert amount in text


def test_a_budget_is_set_in_dollars(admin_client):
    form = {"applies_to": "runtime:ollama", "period": "daily", "limit_usd": "2.5"}
    page(admin_client, "admin:ledger_budget_add")
    admin_client.post(reverse("admin:ledger_budget_add"), {**form, "is_active": "on"})
    budget = Budget.objects.get()
    assert (budget.scope, budget.scope_id) == ("runtime", "ollama")
    assert (budget.limit_microdollars, budget.is_active) == (2_500_000, True)


def test_a_budget_is_changed_in_dollars(admin_client):
    budget = BudgetFactory(limit_microdollars=1_500_000_000)
    url = reverse("admin:ledger_budget_change", args=[budget.pk])
    assert 'value="1500.00"' in admin_client.get(url).content.decode()
    form = {"applies_to": "overall:", "period": "daily", "limit_usd": "0.000001"}
    admin_client.post(url, form)
    budget.refresh_from_db()
    assert (budget.limit_microdollars, budget.is_active) == (1, False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"applies_to": "runtime:"}, "Select a valid choice"),
        ({"applies_to": "overall:ollama"}, "Select a valid choice"),
        ({"applies_to": "project:gone"}, "Select a valid choice"),
        ({"limit_usd": "-1"}, "greater than or equal to 0"),
        ({"limit_usd": ""}, "required"),
        ({}, "There is such a budget already"),
    ],
)
def test_a_budget_that_means_nothing_is_refused_with_the_reason(
    admin_client, change, message
):
    BudgetFactory()
    form = {"applies_to": "overall:", "period": "daily", "limit_usd": "1", **change}
    response = admin_client.post(reverse("admin:ledger_budget_add"), form)
    assert message in response.content.decode()
    assert Budget.objects.count() == 1


def test_runtimes_and_projects_are_chosen_by_name(admin_client):
    project = ProjectFactory(name="Marketing <1>")
    text = page(admin_client, "admin:ledger_budget_add")
    for choice in ("Everything", "Ollama", "Marketing &lt;1&gt;"):
        assert choice in text
    form = {"applies_to": f"project:{project.pk}", "period": "daily", "limit_usd": "1"}
    admin_client.post(reverse("admin:ledger_budget_add"), form)
    assert Budget.objects.get().scope_id == project.pk
    assert "Marketing &lt;1&gt;" in page(admin_client, BUDGETS)


def test_the_budget_of_a_project_that_is_gone_can_still_be_changed(admin_client):
    budget = BudgetFactory(scope=Scope.PROJECT, scope_id="gone")
    url = reverse("admin:ledger_budget_change", args=[budget.pk])
    assert "gone (gone)" in page(admin_client, "admin:ledger_budget_change", budget.pk)
    form = {"applies_to": "project:gone", "period": "monthly", "limit_usd": "1"}
    admin_client.post(url, form)
    assert Budget.objects.get().period == "monthly"


def test_who_may_only_look_sees_a_budget(client):
    user = UserFactory(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_budget"))
    client.force_login(user)
    budget = BudgetFactory(limit_microdollars=5 * USD)
    text = page(client, "admin:ledger_budget_change", budget.pk)
    assert "$5.00" in text
    assert "Everything" in text


@pytest.mark.parametrize("name", [BOOK, BUDGETS, RESERVATIONS])
def test_an_empty_list_says_what_would_be_there(admin_client, name):
    assert "yet</h2>" in page(admin_client, name)
