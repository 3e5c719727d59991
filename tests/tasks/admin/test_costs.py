"""The page Costs: what was spent, by whatever one asks, with the numbers of the API."""

import csv
import json
import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ledger.models import DailySpend, DailyTaskSpend, Origin
from stagent.admin_theme import UNFOLD
from tasks.models import Run, Task
from tests.factories import ProjectFactory, RunFactory, TaskFactory
from tests.ledger.factories import (
    BudgetFactory,
    LedgerEntryFactory,
    ReservationFactory,
    UnknownUsageFactory,
)
from tests.tasks.admin.pages import login_operator

pytestmark = pytest.mark.django_db

USD = 1_000_000


@pytest.fixture(autouse=True)
def layout(settings):
    settings.UNFOLD = UNFOLD


def spend(dollars, *, days_ago=0, **origin):
    facts = {"task_id": uuid4(), "runtime": "ollama", "model": "m", **origin}
    DailySpend.objects.add(
        {"spent_microdollars": int(dollars * USD), "requests": 1},
        at=timezone.now() - timedelta(days_ago),
        origin=Origin(**facts),
    )


def chart(text):
    found = re.search(r'id="costs-chart-data"[^>]*>(.*?)</script>', text, re.DOTALL)
    return json.loads(found[1])


def test_the_total_is_laid_beside_the_period_before(admin_client):
    spend(6, days_ago=1)
    spend(4, days_ago=8)
    text = read(admin_client, period="7")
    assert "$6.00" in text
    assert "+50% against the 7 days before ($4.00)" in text


def read(client, **query):
    response = client.get("/admin/costs/", query)
    assert response.status_code == 200
    return response.content.decode().replace("&#x27;", "'").replace("&amp;", "&")


def test_a_completed_task_costs_its_share(admin_client):
    spend(6)
    for _ in range(3):
        RunFactory(status=Run.Status.COMPLETED, finished_at=timezone.now())
    RunFactory(status=Run.Status.FAILED, finished_at=timezone.now())
    text = read(admin_client)
    assert "3 completed" in text
    assert "$2.00" in text


def test_what_has_no_price_is_named_with_what_to_do(admin_client):
    LedgerEntryFactory(usage=UnknownUsageFactory())
    text = read(admin_client)
    assert "Add the price" in text
    assert "unheard-of:8b" in text
    assert "prices.toml" in text


def test_the_chart_has_the_dearest_and_one_bar_for_all_others(admin_client):
    for number in range(9):
        spend(number + 1, model=f"model-{number}")
    drawn = chart(read(admin_client, by="model", period="7"))
    names = [one["name"] for one in drawn["series"]]
    assert names == [*(f"model-{number}" for number in range(8, 1, -1)), "All others"]
    assert drawn["series"][-1]["costs"][-1] == 3
    assert len(drawn["days"]) == 7


def test_the_limit_is_drawn_of_what_is_shown(admin_client):
    BudgetFactory(limit_microdollars=5 * USD)
    project = ProjectFactory()
    BudgetFactory(scope="project", scope_id=project.pk, limit_microdollars=2 * USD)
    spend(1, project_id=project.pk)
    assert chart(read(admin_client))["limit"] == 5
    assert chart(read(admin_client, project=project.pk))["limit"] == 2
    assert chart(read(admin_client, model="m"))["limit"] is None


def test_budgets_show_what_is_spent_and_reserved(admin_client):
    BudgetFactory(limit_microdollars=10 * USD)
    spend(3)
    ReservationFactory(amount_microdollars=2 * USD)
    text = read(admin_client)
    assert "$3.00 + $2.00 reserved of $10.00" in text
    assert "$2.00 is reserved by 1 task" in text


@pytest.mark.parametrize(
    ("table", "origin", "name"),
    [
        ("model", {"model": "gpt-5"}, "gpt-5"),
        ("runtime", {"runtime": "claude-code"}, "Claude Code"),
        ("profile", {"profile": "code-reviewer"}, "Code reviewer"),
        ("creator", {"created_by": "ada"}, "ada"),
        ("creator", {}, "Unknown person"),
        ("project", {}, "No project"),
    ],
)
def test_each_table_names_what_it_lists(admin_client, table, origin, name):
    spend(1, **origin)
    text = read(admin_client, table=table)
    assert re.search(rf'class="st-name">(<a [^>]*>)?{name}<', text)


def test_tasks_are_named_by_their_titles_and_lead_to_their_pages(admin_client):
    task = TaskFactory(title="Analyze")
    spend(1, task_id=task.pk)
    gone = uuid4()
    spend(2, task_id=gone)
    text = read(admin_client, table="task")
    assert f'href="/admin/tasks/task/{task.pk}/change/">Analyze</a>' in text
    assert f"Deleted task {str(gone)[:13]}" in text


def test_filters_hold_for_all_that_is_shown(admin_client):
    spend(1, model="a", project_id="crm")
    spend(2, model="b", project_id="crm")
    spend(4, model="a")
    text = read(admin_client, project="crm", table="model")
    assert [one["name"] for one in chart(text)["series"]] == ["b", "a"]
    assert "$3.00" in text
    unassigned = read(admin_client, project="(none)", table="model")
    assert "$4.00" in unassigned


def test_the_table_that_is_seen_is_a_file_for_a_spreadsheet(admin_client):
    task = TaskFactory(title="=HYPERLINK(1)")
    spend(1.5, task_id=task.pk)
    response = admin_client.get("/admin/costs/", {"format": "csv", "table": "task"})
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    head, row = csv.reader(response.content.decode().splitlines())
    assert dict(zip(head, row, strict=True))["cost (USD)"] == "1.500000"
    assert row[:3] == [str(task.pk), "'=HYPERLINK(1)", "1"]


def test_the_page_has_the_numbers_of_the_api(admin_client):
    spend(1, model="a", created_by="ada")
    spend(2, model="b", created_by="ada")
    text = read(admin_client, creator="ada", table="model")
    address = re.search(r'href="(/api/usage[^"]*)"', text)[1]
    told = admin_client.get(address).json()
    assert [(g["model"], g["costMicros"]) for g in told["groups"]] == [
        ("b", 2 * USD),
        ("a", USD),
    ]


@pytest.mark.parametrize(
    "query",
    [
        {"from": "nonsense"},
        {"from": "2026-03-01", "to": "2020-01-01"},
        {"from": "0001-01-01", "to": "9999-12-31"},
        {"period": "month"},
        {"period": "last-month"},
        {"period": "1"},
        {"table": "colour", "by": "colour"},
        {"model": "nobody's\x00"},
    ],
)
def test_any_address_shows_a_page(admin_client, query):
    assert "Cost by day" in read(admin_client, **query)


def test_who_may_not_see_the_ledger_sees_no_costs(client):
    login_operator(client, "view_task")
    assert client.get("/admin/costs/").status_code == 403
    login_operator(client, "view_ledgerentry")
    assert client.get("/admin/costs/").status_code == 200


def test_the_page_costs_the_same_at_100_tasks_and_at_10000(admin_client):
    def fill(count):
        day = timezone.now().date()
        DailyTaskSpend.objects.bulk_create(
            DailyTaskSpend(
                task_id=uuid4(),
                day=day - timedelta(number % 25),
                runtime="ollama",
                model=f"model-{number % 20}",
                project_id=f"project-{number % 50}",
                spent_microdollars=number,
            )
            for number in range(count)
        )
        TaskFactory.create_batch(3, status=Task.Status.COMPLETED)

    def queries(**query):
        with CaptureQueriesContext(connection) as captured:
            read(admin_client, **query)
        return len(captured)

    fill(100)
    spend(1)
    queries()
    few = [queries(table=table) for table in ("task", "model", "project")]
    fill(9_900)
    assert [queries(table=table) for table in ("task", "model", "project")] == few
    assert max(few) <= 45
