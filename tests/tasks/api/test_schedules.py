"""/api/schedules: what starts tasks at certain times."""

import json
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tasks.models import Schedule
from tests.factories import DocumentFactory, ProjectFactory, ScheduleFactory
from tests.tasks.api.schedule_requests import CHECKLIST, errors_of, url
from tests.tasks.schedules.due import HOUR, NOON, due_schedule, end, fire

BODY = {"name": "Morning report", "prompt": "Summarise", "interval": "daily at 9am"}


HEARTBEAT = {
    "name": "Watch",
    "interval": "30m",
    "type": "heartbeat",
    "heartbeatChecklist": CHECKLIST,
}


NOWHERE = "7f9c1c1e-3a52-4b0a-9d86-0d8d2f1f6f10"


def create(api, **body):
    answer = api.post("/api/schedules", {**BODY, **body})
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_schedule_is_active_at_once_and_knows_its_next_time(api):
    made = create(api, timezone="Europe/Berlin")
    assert made["status"] == "active"
    assert made["cronExpression"] == "0 9 * * *"
    assert made["interval"] == "daily at 9am"
    assert (made["type"], made["overlap"], made["catchup"]) == (
        "scheduled",
        "skip",
        "one",
    )
    next_fire_at = datetime.fromisoformat(made["nextFireAt"])
    assert timezone.now() < next_fire_at < timezone.now() + timedelta(days=1, hours=2)
    assert made["recurs"] is True
    assert made["heartbeatChecklist"] is None
    assert Schedule.objects.get().next_fire_at == next_fire_at


def test_all_that_is_said_is_kept(api):
    project, document = ProjectFactory(), DocumentFactory()
    said = {
        "timezone": "America/New_York",
        "projectId": project.pk,
        "assignedAgent": "anthropic-direct",
        "agentProfile": "general",
        "documentIds": [document.pk],
        "overlap": "queue",
        "catchup": "none",
        "recurs": False,
        "maxFirings": 3,
        "activeHoursStart": 8,
        "activeHoursEnd": 18,
        "activeTimezone": "Asia/Tokyo",
        "heartbeatBudgetPerDay": 1.5,
    }
    made = create(api, **{**said, "interval": "every 2 hours"})
    assert {name: made[name] for name in said} == said
    assert (
        api.get(f"/api/schedules/{made['id']}").json() | made
        == api.get(f"/api/schedules/{made['id']}").json()
    )


def test_a_heartbeat_needs_a_checklist_and_no_prompt(api):
    made = api.post("/api/schedules", HEARTBEAT)
    assert made.status_code == 201, made.content
    assert made.json()["heartbeatChecklist"] == CHECKLIST
    assert made.json()["prompt"] is None
    without = {**HEARTBEAT, "heartbeatChecklist": []}
    assert "heartbeatChecklist" in errors_of(api.post("/api/schedules", without))


def test_a_checklist_without_ids_and_with_other_priorities_is_completed(api):
    points = [{"instruction": "Look", "priority": 1}, {"instruction": "Listen"}]
    made = api.post("/api/schedules", {**HEARTBEAT, "heartbeatChecklist": points})
    assert made.json()["heartbeatChecklist"] == [
        {"id": "1", "instruction": "Look", "priority": "medium"},
        {"id": "2", "instruction": "Listen", "priority": "medium"},
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({"interval": "whenever"}, "interval"),
        ({"interval": "0 0 30 2 *"}, "interval"),
        ({"interval": 5}, "interval"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"activeTimezone": "Berlin"}, "activeTimezone"),
        ({"type": "cron"}, "type"),
        ({"projectId": "nowhere"}, "projectId"),
        ({"assignedAgent": "nobody"}, "assignedAgent"),
        ({"agentProfile": "nobody"}, "agentProfile"),
        ({"documentIds": ["nothing"]}, "documentIds"),
        ({"overlap": "allow"}, "overlap"),
        ({"catchup": "all"}, "catchup"),
        ({"recurs": "yes"}, "recurs"),
        ({"maxFirings": 0}, "maxFirings"),
        ({"maxFirings": -1}, "maxFirings"),
        ({"maxFirings": 1.5}, "maxFirings"),
        ({"maxFirings": "3"}, "maxFirings"),
        ({"expiresInHours": 0}, "expiresInHours"),
        ({"expiresInHours": "NaN"}, "expiresInHours"),
        ({"expiresInHours": 1e300}, "expiresInHours"),
        ({"interval": "monthly", "expiresInHours": 0.001}, "expiresInHours"),
        ({"activeHoursStart": 9}, "activeHoursEnd"),
        ({"activeHoursEnd": 9}, "activeHoursStart"),
        ({"activeHoursStart": 24, "activeHoursEnd": 9}, "activeHoursStart"),
        ({"activeHoursStart": 10, "activeHoursEnd": 17}, "activeHoursStart"),
        ({"heartbeatBudgetPerDay": 0}, "heartbeatBudgetPerDay"),
        ({"heartbeatChecklist": [{}]}, "heartbeatChecklist"),
        ({"heartbeatChecklist": ["look"]}, "heartbeatChecklist"),
        ({"heartbeatChecklist": [{"instruction": "x"}] * 51}, "heartbeatChecklist"),
    ],
)
def test_what_does_not_fit_is_a_field_error_and_makes_nothing(api, body, field):
    answer = api.post("/api/schedules", {**BODY, **body})
    assert list(errors_of(answer)) == [field]
    assert not Schedule.objects.exists()


def test_a_checklist_longer_than_a_brief_may_be_is_refused(api):
    points = [{"instruction": "x" * 500}] * 5
    answer = api.post("/api/schedules", {**HEARTBEAT, "heartbeatChecklist": points})
    assert "2000 at most" in errors_of(answer)["heartbeatChecklist"][0]


def test_a_profile_that_does_not_suit_the_runtime_is_refused(api, monkeypatch):
    monkeypatch.setattr(
        "tasks.catalog.incompatibility", lambda runtime, profile: "They do not fit."
    )
    answer = api.post("/api/schedules", {**BODY, "agentProfile": "general"})
    assert answer.status_code == 400
    assert answer.json()["error"]["formErrors"] == ["They do not fit."]


def test_the_list_is_newest_first_and_takes_as_many_queries_for_any_number(api):
    ids = [create(api)["id"] for _ in range(3)]
    with CaptureQueriesContext(connection) as three:
        found = api.get("/api/schedules")
        listed = [schedule["id"] for schedule in json.loads(found.getvalue())]
    assert listed == ids[::-1]
    for _ in range(5):
        create(api)
    with CaptureQueriesContext(connection) as eight:
        api.get("/api/schedules").getvalue()
    assert len(eight) == len(three)


def test_the_list_is_paged_and_filtered(api):
    ids = [create(api)["id"] for _ in range(3)]
    page = api.get("/api/schedules?limit=2")
    rest = api.get(page["Link"].partition("<")[2].partition(">")[0])
    assert [one["id"] for one in [*page.json(), *rest.json()]] == ids[::-1]
    ScheduleFactory(status="paused")
    assert len(api.get("/api/schedules?status=paused&limit=9").json()) == 1
    for cursor in ("1.x", "x", "1.", f"x.{NOWHERE}"):
        assert "cursor" in errors_of(api.get(f"/api/schedules?cursor={cursor}"))


def test_a_schedule_tells_its_next_five_times_its_firings_and_their_tasks(api):
    schedule = due_schedule()
    first = end(fire(schedule), result="all well")
    fire(schedule, NOON + HOUR)
    fire(schedule, NOON + 2 * HOUR)
    found = api.get(url(schedule)).json()
    assert found["nextFireTimes"][0] == found["nextFireAt"]
    assert len(found["nextFireTimes"]) == 5
    assert [firing["status"] for firing in found["firings"]] == [
        "skipped",
        "started",
        "started",
    ]
    assert found["firings"][2] == {
        "id": str(first.pk),
        "number": 1,
        "status": "started",
        "reason": None,
        "isManual": False,
        "scheduledFor": "2026-06-01T12:00:00.000Z",
        "taskId": str(first.task_id),
        "workflowRunId": None,
        "outcome": "completed",
        "report": None,
        "createdAt": found["firings"][2]["createdAt"],
        "endedAt": found["firings"][2]["endedAt"],
    }
    titles = [(task["title"], task["status"]) for task in found["firingHistory"]]
    name = schedule.name
    assert titles == [
        (f"{name} (run #2)", "running"),
        (f"{name} (run #1)", "completed"),
    ]


def test_the_firing_of_a_deleted_task_is_still_told(api):
    schedule = due_schedule()
    fired = fire(schedule)
    assert api.delete(f"/api/tasks/{fired.task_id}").status_code == 200
    found = api.get(url(schedule)).json()
    assert found["firings"][0]["taskId"] == str(fired.task_id)
    assert found["firingHistory"] == []


def test_a_task_names_its_schedule(api):
    schedule = due_schedule(name="Mondays")
    fired = fire(schedule)
    assert api.get(f"/api/tasks/{fired.task_id}").json()["scheduleName"] == "Mondays"
    provenance = api.get(f"/api/tasks/{fired.task_id}/provenance").json()
    assert provenance["sourceType"] == "schedule"
    assert provenance["parentId"] == str(schedule.pk)


@pytest.mark.parametrize("part", ["", "/execute", "/heartbeat-history"])
@pytest.mark.parametrize("schedule_id", [NOWHERE, "x", f"{{{NOWHERE}}}"])
def test_what_is_not_there_is_a_404(api, part, schedule_id):
    method = api.post if part == "/execute" else api.get
    answer = method(f"/api/schedules/{schedule_id}{part}")
    assert answer.status_code == 404
    assert answer.json() == {"error": "Schedule not found"}


def test_parse_says_what_an_interval_means(api):
    body = {"expression": "weekdays at 8:30", "timezone": "Europe/Berlin"}
    found = api.post("/api/schedules/parse", body).json()
    times = found.pop("nextFireTimes")
    assert found == {
        "cronExpression": "30 8 * * 1-5",
        "description": "At 08:30 on Monday through Friday",
        "confidence": 1.0,
    }
    assert len(times) == 3
    assert {text[11:16] for text in times} <= {"06:30", "07:30"}
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "expression"),
        ({"expression": "whenever"}, "expression"),
        ({"expression": "1h", "timezone": "X"}, "timezone"),
    ],
)
def test_parse_refuses_with_examples(api, body, field):
    errors = errors_of(api.post("/api/schedules/parse", body))
    assert list(errors) == [field]
    if body.get("expression") == "whenever":
        assert "daily at 9am" in errors[field][0]
