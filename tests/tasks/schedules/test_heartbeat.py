"""Heartbeats: what the agent is asked, what it found, and what it may spend a day."""

import json
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from tasks import lifecycle
from tasks.models import Schedule, Task
from tasks.schedules import heartbeat
from tests.ledger.spending import spend
from tests.tasks.schedules.due import HOUR, NOON, due_schedule, end, fire

TOKYO, SECOND = ZoneInfo("Asia/Tokyo"), timedelta(seconds=1)
CHECKLIST = [
    {"id": "inbox", "instruction": "Is there mail?", "priority": "high"},
    {"id": "disk", "instruction": "Is the disk full?", "priority": "low"},
]
QUIET = '{"action_needed": false, "items": []}'
ACT = '{"action_needed": true, "items": [{"id": "inbox", "status": "action_needed", "summary": "3 mails"}]}'
ITEM = {"id": "inbox", "status": "action_needed", "summary": "3 mails"}


def due_heartbeat(**fields):
    return due_schedule(type="heartbeat", prompt="", checklist=CHECKLIST, **fields)


@pytest.mark.django_db
def test_the_agent_is_asked_for_each_point_and_the_form():
    fire(due_heartbeat())
    description = Task.objects.get().description
    assert "- [inbox] (high) Is there mail?" in description
    assert "- [disk] (low) Is the disk full?" in description
    assert '"action_needed"' in description


@pytest.mark.parametrize(
    "result",
    [
        ACT,
        f"Here it is:\n```json\n{ACT}\n```\n",
        f"I looked {{closely}}. {ACT} That is all.",
        f"{QUIET}\nOn second thought: {ACT}",
    ],
)
def test_a_report_is_found_raw_in_a_fence_and_inside_text(result):
    assert heartbeat.read_report(result) == {"action_needed": True, "items": [ITEM]}


@pytest.mark.parametrize(
    "result",
    ["", "All is well.", "{", '{"action_needed": "no"}', "[]", "{}", '"action_needed"'],
)
def test_what_cannot_be_read_counts_as_action_needed(result):
    report = heartbeat.read_report(result)
    assert report["action_needed"] is True
    assert "no JSON object" in report["note"]


def test_of_the_items_only_what_has_the_form_is_kept():
    items = [ITEM, {"id": 1, "status": "ok"}, {"status": "odd"}, "text", None]
    text = json.dumps({"action_needed": False, "items": items})
    assert heartbeat.read_report(text)["items"] == [
        ITEM,
        {"id": "1", "status": "ok", "summary": ""},
    ]


@given(st.text() | st.from_regex(r'[{}\[\]":,a\\u0]{0,40}', fullmatch=True))
def test_any_result_is_read(result):
    assert isinstance(heartbeat.read_report(result)["action_needed"], bool)


@pytest.mark.django_db
def test_a_report_that_no_database_takes_is_made_fit():
    summary = {"id": "\0\ud800", "status": "ok", "summary": "a\0b"}
    result = json.dumps({"action_needed": False, "items": [summary]})
    fired = end(fire(due_heartbeat()), result=result)
    assert fired.report["items"] == [
        {"id": "\ufffd?", "status": "ok", "summary": "a\ufffdb"}
    ]


@pytest.mark.django_db
def test_quiet_heartbeats_are_counted_and_one_with_action_begins_anew():
    schedule = due_heartbeat()
    for number, result in enumerate([QUIET, QUIET]):
        end(fire(schedule, NOON + number * HOUR), result=result)
    schedule.refresh_from_db()
    assert (schedule.suppression_count, schedule.last_action_at) == (2, None)
    end(fire(schedule, NOON + 2 * HOUR), result=ACT)
    schedule.refresh_from_db()
    assert schedule.suppression_count == 0
    assert schedule.last_action_at is not None


@pytest.mark.django_db
def test_a_heartbeat_that_failed_has_no_report():
    fired = end(fire(due_heartbeat()), Task.Status.FAILED)
    assert fired.report is None


# --- What it may spend a day -----------------------------------------------------------------


def fire_at(schedule, now):
    """Fire just now, as the ledger books by the real clock."""
    Schedule.objects.filter(pk=schedule.pk).update(next_fire_at=now)
    return fire(schedule, now)


@pytest.mark.django_db
def test_the_budget_of_the_day_binds():
    now = timezone.now()
    schedule = due_heartbeat(heartbeat_budget_microdollars=1_000_000)
    first = fire_at(schedule, now)
    assert Task.objects.get(pk=first.task_id).max_budget_microdollars == 1_000_000
    spend(first.task_id, 600_000)
    end(first, result=QUIET)
    second = fire_at(schedule, now + SECOND)
    assert Task.objects.get(pk=second.task_id).max_budget_microdollars == 400_000
    spend(second.task_id, 400_000)
    end(second, result=QUIET)
    third = fire_at(schedule, now + 2 * SECOND)
    assert third.status == "refused"
    assert "1.00 USD" in third.reason
    assert Task.objects.count() == 2


@pytest.mark.django_db
def test_what_a_deleted_task_spent_was_spent():
    now = timezone.now()
    schedule = due_heartbeat(heartbeat_budget_microdollars=1_000_000)
    first = fire_at(schedule, now)
    spend(first.task_id, 1_000_000)
    lifecycle.delete(first.task)
    assert fire_at(schedule, now + SECOND).status == "refused"


@pytest.mark.django_db
def test_the_day_is_that_of_its_zone():
    schedule = due_heartbeat(
        heartbeat_budget_microdollars=1_000_000, active_timezone="Asia/Tokyo"
    )
    booked_at = spend(fire(schedule).task_id, 500).recorded_at
    tomorrow = booked_at.astimezone(TOKYO).date() + timedelta(days=1)
    midnight = datetime.combine(tomorrow, time(), tzinfo=TOKYO)
    assert heartbeat.spent_today(schedule, midnight - SECOND) == 500
    assert heartbeat.spent_today(schedule, midnight) == 0


@pytest.mark.django_db
def test_what_a_running_heartbeat_holds_is_not_given_to_another():
    schedule = due_heartbeat(heartbeat_budget_microdollars=1_000_000)
    fire(schedule)
    assert heartbeat.left_today(schedule, timezone.now()) == 0
