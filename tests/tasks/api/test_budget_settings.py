"""/api/settings/budgets, notes on budgets, and usage as a table."""

import csv
import io
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ledger.models import Budget, DailySpend, Origin
from tasks.lifecycle import budget_notes
from tasks.models.outbox import OutboxEvent
from tests.ledger.factories import BudgetFactory

pytestmark = pytest.mark.django_db

URL = "/api/settings/budgets"
USD = 1_000_000


def spend(usd, *, at=None, **origin):
    facts = {"task_id": uuid4(), "runtime": "ollama", "model": "m", **origin}
    sums = {"spent_microdollars": round(usd * USD), "requests": 1}
    DailySpend.objects.add(sums, at=at or timezone.now(), origin=Origin(**facts))


def post(api, status=200, **body):
    response = api.post(URL, body)
    assert response.status_code == status, response.content
    return response.json()


def test_without_limits_it_tells_what_is_spent(api):
    spend(0.25)
    shown = api.get(URL).json()
    assert (shown["dailyLimit"], shown["monthlyLimit"]) == (None, None)
    assert (shown["dailySpend"], shown["monthlySpend"]) == (0.25, 0.25)
    assert (shown["alertThreshold"], shown["onExceed"]) == (0.8, "stop")
    assert shown["updatedAt"] is None
    assert [one["health"] for one in shown["statuses"]] == ["unlimited"] * 2


def test_limits_are_the_rows_of_budgets(api):
    shown = post(api, dailyLimit=5, monthlyLimit=100.5, alertThreshold=0.5)
    assert (shown["dailyLimit"], shown["monthlyLimit"]) == (5, 100.5)
    assert shown["alertThreshold"] == 0.5
    listed = api.get("/api/budgets").json()
    assert [(b["period"], b["limitUsd"], b["warnPercent"]) for b in listed] == [
        ("daily", 5, 50),
        ("monthly", 100.5, 50),
    ]
    # What is absent stays, and null switches off.
    shown = post(api, dailyLimit=None, onExceed="ask")
    assert (shown["dailyLimit"], shown["monthlyLimit"]) == (None, 100.5)
    assert Budget.objects.get(period="daily").is_active is False
    assert set(Budget.objects.values_list("on_exceed", flat=True)) == {"ask"}
    assert post(api, dailyLimit=7)["dailyLimit"] == 7
    assert Budget.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"dailyLimit": "5"}, "dailyLimit"),
        ({"dailyLimit": -1}, "dailyLimit"),
        ({"dailyLimit": 5, "alertThreshold": 80}, "alertThreshold"),
        ({"dailyLimit": 5, "alertThreshold": 0}, "alertThreshold"),
        ({"dailyLimit": 5, "onExceed": "wait"}, "onExceed"),
        ({"alertThreshold": 0.5}, "alertThreshold"),
        ({"onExceed": "ask"}, "onExceed"),
    ],
)
def test_a_bad_value_is_a_field_error_and_sets_nothing(api, body, field):
    error = post(api, 400, **body)["error"]
    assert list(error["fieldErrors"]) == [field]
    assert not Budget.objects.exists()


def test_the_health_of_each_limit(api):
    BudgetFactory(scope="runtime", scope_id="ollama", limit_microdollars=USD)
    BudgetFactory(scope="project", scope_id="crm", limit_microdollars=1)
    post(api, dailyLimit=10, monthlyLimit=2)
    spend(1.7)
    shown = api.get(URL).json()
    health = {one["id"]: one["health"] for one in shown["statuses"]}
    assert health == {
        "overall:daily:spend": "ok",
        "overall:monthly:spend": "warning",
        "ollama:daily:spend": "blocked",
    }
    (ollama,) = [one for one in shown["statuses"] if one["runtimeId"] == "ollama"]
    assert (ollama["currentValue"], ollama["limitValue"]) == (1_700_000, USD)
    assert ollama["ratio"] == 1.7
    assert shown["policy"]["overall"] == {"monthlySpendCapUsd": 2}


def write_due(runtime="ollama", project_id=""):
    budget_notes.write_due(task_id=uuid4(), runtime=runtime, project_id=project_id)


def notes():
    return list(OutboxEvent.objects.values_list("type", flat=True).order_by("pk"))


def test_a_note_is_written_once_a_window_at_each_of_two_points():
    budget = BudgetFactory(limit_microdollars=10 * USD)
    spend(7.9)
    write_due()
    assert notes() == []
    spend(0.1)
    write_due()
    write_due()
    assert notes() == ["budget.warning"]
    event = OutboxEvent.objects.get()
    assert event.message.startswith("80 % of the daily budget of 10")
    assert event.data["budgetId"] == str(budget.pk)
    assert (event.data["limitUsd"], event.data["spentUsd"]) == ("10.00", "8.00")
    spend(2)
    write_due()
    write_due()
    assert notes() == ["budget.warning", "budget.exceeded"]
    yesterday = timezone.now().date() - timedelta(days=1)
    Budget.objects.update(warned_on=yesterday, exceeded_on=yesterday)
    OutboxEvent.objects.all().delete()
    write_due()
    assert notes() == ["budget.exceeded"]  # what is used up is not also nearly so


def test_another_limit_makes_notes_due_anew(api):
    budget = BudgetFactory(limit_microdollars=USD)
    spend(0.9)
    write_due()
    api.patch(f"/api/budgets/{budget.pk}", {"limitUsd": 10})
    write_due()
    assert notes() == ["budget.warning"]
    api.patch(f"/api/budgets/{budget.pk}", {"warnPercent": 9})
    write_due()
    assert notes() == ["budget.warning"] * 2


def test_a_budget_may_have_its_own_point_and_the_server_another(settings):
    BudgetFactory(limit_microdollars=USD, warn_percent=20)
    settings.STAGENT_BUDGET_WARNING_PERCENT = 30
    BudgetFactory(limit_microdollars=USD, period="monthly")
    spend(0.2)
    write_due()
    assert [event.data["limitUsd"] for event in OutboxEvent.objects.all()] == ["1.00"]
    spend(0.1)
    write_due()
    assert notes() == ["budget.warning"] * 2


def test_budgets_that_do_not_apply_are_left_alone():
    BudgetFactory(scope="runtime", scope_id="claude-code", limit_microdollars=1)
    BudgetFactory(scope="project", scope_id="crm", limit_microdollars=1)
    BudgetFactory(limit_microdollars=1, is_active=False)
    spend(5, project_id="crm")
    write_due()
    assert notes() == []
    write_due(project_id="crm")
    assert notes() == ["budget.exceeded"]


def test_of_two_who_find_a_note_due_one_writes_it():
    BudgetFactory(limit_microdollars=USD)
    spend(0.9)
    first, second = (
        Budget.objects.with_spent(now=timezone.now()).get() for _ in range(2)
    )
    budget_notes._write(first, uuid4())
    budget_notes._write(second, uuid4())
    assert notes() == ["budget.warning"]


def test_no_note_is_due_at_the_cost_of_one_query():
    BudgetFactory(limit_microdollars=USD)
    with CaptureQueriesContext(connection) as queries:
        write_due()
    assert len(queries) == 1


def table(api, query):
    answer = api.get(f"/api/usage?{query}&format=csv")
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def test_usage_is_a_table_for_spreadsheets(api):
    noon = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
    spend(1, at=noon, project_id="crm", profile="general")
    spend(2, at=noon, project_id="-1+2", profile="general")
    query = "groupBy=day,project,runtime,model,profile&from=2026-03-01&to=2026-03-31"
    rows = table(api, query)
    assert [(row["project"], row["costMicros"]) for row in rows] == [
        ("'-1+2", "2000000"),  # no formula
        ("crm", "1000000"),
    ]
    assert rows[0]["day"] == "2026-03-01"
    groups = api.get(f"/api/usage?{query}").json()["groups"]
    assert list(rows[0]) == list(groups[0])
    assert table(api, "groupBy=model&from=2020-01-01&to=2020-01-02") == []
    assert table(api, "from=2026-03-01")[0]["requests"] == "2"


def test_another_format_is_a_field_error(api):
    answer = api.get("/api/usage?format=xml")
    assert list(answer.json()["error"]["fieldErrors"]) == ["format"]
