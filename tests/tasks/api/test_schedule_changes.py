"""Schedules that are paused, changed and deleted by the API."""

import pytest
from django.utils import timezone

from tasks.models import Task
from tests.factories import DocumentFactory, ScheduleFactory
from tests.tasks.api.schedule_requests import errors_of, url
from tests.tasks.schedules.due import HOUR, due_schedule, fire


def test_pause_and_resume(api):
    schedule = due_schedule()
    paused = api.patch(url(schedule), {"status": "paused"}).json()
    assert (paused["status"], paused["nextFireAt"]) == ("paused", None)
    assert "Paused by" in paused["pauseReason"]
    again = api.patch(url(schedule), {"status": "paused"})
    assert again.status_code == 409
    message = "Can only pause an active schedule"
    assert again.json() == {"error": message, "status": "paused"}
    active = api.patch(url(schedule), {"status": "active"}).json()
    assert active["status"] == "active"
    assert active["nextFireAt"] is not None
    assert active["pauseReason"] is None
    again = api.patch(url(schedule), {"status": "active"})
    assert (again.status_code, again.json()["error"]) == (
        409,
        "Can only resume a paused schedule",
    )


def test_a_conflict_changes_nothing(api):
    schedule = due_schedule()
    body = {"status": "active", "name": "Other"}
    assert api.patch(url(schedule), body).status_code == 409
    schedule.refresh_from_db()
    assert schedule.name != "Other"


def test_a_new_interval_means_a_new_next_time(api):
    schedule = due_schedule()
    changed = api.patch(url(schedule), {"interval": "30 9 * * *"}).json()
    assert changed["cronExpression"] == "30 9 * * *"
    assert changed["nextFireAt"].endswith("09:30:00.000Z")


def test_null_takes_a_limit_away(api):
    schedule = due_schedule(
        max_firings=3,
        expires_at=timezone.now() + HOUR * 48,
        active_hours_start=1,
        active_hours_end=2,
        heartbeat_budget_microdollars=5,
    )
    names = (
        *("maxFirings", "expiresInHours", "activeHoursStart", "activeHoursEnd"),
        "heartbeatBudgetPerDay",
    )
    changed = api.patch(url(schedule), dict.fromkeys(names)).json()
    kept = {
        *("maxFirings", "expiresAt", "activeHoursStart", "activeHoursEnd"),
        "heartbeatBudgetPerDay",
    }
    assert {changed[name] for name in kept} == {None}


@pytest.mark.parametrize(
    ("fields", "body", "field"),
    [
        ({}, {"prompt": ""}, "prompt"),
        ({}, {"interval": "whenever"}, "interval"),
        ({}, {"activeHoursStart": 3}, "activeHoursEnd"),
        ({}, {"status": "exhausted"}, "status"),
        ({"type": "heartbeat"}, {"prompt": "x"}, "heartbeatChecklist"),
        ({"prompt": "", "status": "paused"}, {"status": "active"}, "prompt"),
        ({"cron_expression": "", "status": "paused"}, {"status": "active"}, "interval"),
    ],
)
def test_a_change_that_does_not_fit_is_a_field_error(api, fields, body, field):
    schedule = ScheduleFactory(**fields)
    assert list(errors_of(api.patch(url(schedule), body))) == [field]


def test_documents_are_those_of_the_firings_from_then_on(api):
    schedule, document = due_schedule(), DocumentFactory()
    changed = api.patch(url(schedule), {"documentIds": [document.pk]}).json()
    assert changed["documentIds"] == [document.pk]
    schedule.refresh_from_db()
    assert list(fire(schedule).task.documents.all()) == [document]


def test_delete_keeps_the_tasks(api):
    schedule = due_schedule()
    fire(schedule)
    answer = api.delete(url(schedule))
    assert (answer.status_code, answer.json()) == (200, {"deleted": True})
    assert Task.objects.get().status == Task.Status.RUNNING
    assert api.delete(url(schedule)).status_code == 404
