"""GET /api/usage: in all, of a part, and by day, model, project and so on."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from ledger.models import DailySpend, LedgerEntry, Origin
from tests.factories import RunFactory
from tests.ledger.factories import LedgerEntryFactory, UnknownUsageFactory

pytestmark = pytest.mark.django_db


def read(api, query="", status=200):
    response = api.get(f"/api/usage{query}")
    assert response.status_code == status, response.content
    return response.json()


def complaint(api, query):
    return read(api, query, 400)["error"]["fieldErrors"]


def spend(amount, on, **origin):
    facts = {"task_id": uuid4(), "runtime": "ollama", "model": "m", **origin}
    DailySpend.objects.add(
        {"spent_microdollars": amount, "requests": 1, "input_tokens": 10},
        at=datetime.fromisoformat(f"{on}T12:00:00+00:00"),
        origin=Origin(**facts),
    )


def test_days_and_models_are_summed_up(api):
    spend(1, "2026-03-01", model="a")
    spend(2, "2026-03-02", model="a", project_id="crm")
    spend(4, "2026-03-02", model="b")
    spend(8, "2026-04-01", model="b")
    found = read(api, "?groupBy=day,model&from=2026-03-01&to=2026-03-31")
    assert [(g["day"], g["model"], g["costMicros"]) for g in found["groups"]] == [
        ("2026-03-01", "a", 1),
        ("2026-03-02", "b", 4),
        ("2026-03-02", "a", 2),
    ]
    assert found["totals"]["costMicros"] == 7
    assert (found["from"], found["to"]) == ("2026-03-01", "2026-03-31")
    assert found["groupBy"] == ["day", "model"]
    by_project = read(api, "?groupBy=project&from=2026-03-01&to=2026-03-31")
    assert [(g["project"], g["costMicros"]) for g in by_project["groups"]] == [
        (None, 5),
        ("crm", 2),
    ]


def test_without_groups_the_days_are_as_asked_for_or_all(api):
    spend(1, "2025-03-01", profile="general")
    spend(2, "2026-03-02", profile="general", created_by="ada")
    assert read(api)["costMicros"] == 3
    assert read(api, "?profile=general&to=2025-12-31")["costMicros"] == 1
    assert read(api, "?createdBy=ada&runtime=ollama")["costMicros"] == 2
    assert read(api, "?from=2026-03-03")["requests"] == 0


def test_with_groups_and_no_days_it_is_the_last_thirty(api):
    today = timezone.now().date()
    for back in (29, 30):
        spend(1, today - timedelta(back))
    found = read(api, "?groupBy=runtime")
    assert found["totals"]["costMicros"] == 1
    assert found["from"] == (today - timedelta(29)).isoformat()


def test_what_runs_use_is_found_by_task_profile_and_person(api):
    run = RunFactory(profile="general", task__created_by="ada")
    LedgerEntryFactory(
        task_id=run.task_id, run_id=run.pk, profile="general", created_by="ada"
    )
    LedgerEntryFactory(usage=UnknownUsageFactory())
    found = read(api, "?groupBy=task,profile,createdBy")["groups"]
    spent = LedgerEntry.objects.for_task(run.task_id).totals().cost_microdollars
    assert found[0] | {"costMicros": spent, "task": str(run.task_id)} == found[0]
    assert (found[0]["profile"], found[0]["createdBy"]) == ("general", "ada")
    assert (found[1]["costMicros"], found[1]["unpricedRequests"]) == (None, 1)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("groupBy=day,colour", "groupBy"),
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-03-02&to=2026-03-01", "from"),
        ("groupBy=day&from=2020-01-01&to=2026-01-01", "from"),
        ("taskId=nonsense", "taskId"),
    ],
)
def test_what_cannot_be_asked_is_told(api, query, field):
    assert list(complaint(api, f"?{query}")) == [field]


def test_too_many_groups_are_refused(api):
    now = datetime.now(UTC).date()
    DailySpend.objects.bulk_create(
        DailySpend(day=now, scope="project", scope_id=f"project-{number}")
        for number in range(10_001)
    )
    assert complaint(api, "?groupBy=project") == {
        "groupBy": ["Too many groups: ask for fewer days, or group by less"]
    }


@pytest.mark.parametrize("query", ["", "?groupBy=day,model", "?groupBy=day,model,task"])
def test_the_queries_are_few_however_many_groups(
    api, query, django_assert_max_num_queries
):
    for number in range(30):
        spend(number, timezone.now().date(), model=f"m{number}")
    with django_assert_max_num_queries(4):
        read(api, query)
