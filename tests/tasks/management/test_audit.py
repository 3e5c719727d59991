"""The command `audit`, and what the commands write into the audit."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from tasks.audit.retention import remove_expired_entries
from tasks.models import AuditEntry, Task, Way
from tasks.schedules.firing import fire_now
from tests.factories import PermissionRequestFactory, ScheduleFactory, TaskFactory
from tests.tasks.management.commands import manage

pytestmark = pytest.mark.django_db


def only():
    return AuditEntry.objects.get()


def make_entry(days=0, **fields):
    at = timezone.now() - timedelta(days=days)
    entry = {"way": Way.API, "action": "create", "object_type": "task"}
    return AuditEntry.objects.create(created_at=at, **entry | fields)


@pytest.mark.parametrize(
    ("command", "status", "action"),
    [
        ("cancel", Task.Status.QUEUED, "cancel"),
        ("execute", Task.Status.PLANNED, "execute"),
    ],
)
def test_what_a_command_does_to_a_task_is_told(command, status, action):
    task = TaskFactory(status=status)
    manage(command, task.pk)
    entry = only()
    assert (entry.way, entry.action, entry.object_id) == (
        *(Way.COMMAND, action),
        str(task.pk),
    )
    assert entry.user_name.startswith("manage.py")


def test_what_is_refused_is_not_told():
    assert manage("execute", TaskFactory(status=Task.Status.RUNNING).pk).code == 1
    assert not AuditEntry.objects.exists()


def test_answers_messages_tokens_and_schedules_are_told():
    asked = PermissionRequestFactory()
    manage("respond", asked.pk, "allow")
    manage("tell", TaskFactory().pk, "Hurry")
    token = manage("issuetoken", "ci").out.strip()
    manage("schedules", ScheduleFactory().pk, "--pause")
    told = list(AuditEntry.objects.order_by("pk"))
    assert [entry.action for entry in told] == ["respond", "message", "create", "pause"]
    assert token not in str([entry.after for entry in told])


def test_a_task_that_a_schedule_makes_is_told_as_its():
    schedule = ScheduleFactory()
    fire_now(schedule, by="ada")
    entry = only()
    assert (entry.way, entry.action, entry.object_type) == (
        *(Way.SCHEDULE, "create"),
        "task",
    )
    assert entry.after["schedule"] == str(schedule.pk)


def test_it_is_printed_from_a_time_on_one_a_line():
    make_entry(days=3, title="old")
    make_entry(title="new", user_name="ada")
    lines = manage("audit", "--json").lines
    assert [json.loads(line)["title"] for line in lines] == ["old", "new"]
    since = f"{timezone.now() - timedelta(days=1):%Y-%m-%d}"
    (line,) = manage("audit", "--since", since).lines
    assert "ada" in line
    assert "create task" in line
    assert manage("audit", "--user", "grace").lines == []
    assert manage("audit", "--since", "nonsense").code == 1


def test_prune_removes_the_old_and_says_so():
    make_entry(days=100)
    kept = make_entry(days=1)
    assert (
        "1 audit" in manage("prune", "--older-than", "90d", "--audit", "--dry-run").out
    )
    assert AuditEntry.objects.count() == 2
    manage("prune", "--older-than", "90d", "--audit")
    pruned = AuditEntry.objects.exclude(pk=kept.pk).get()
    assert (pruned.action, pruned.after["entries"]) == ("prune", 1)


def test_the_setting_removes_the_old_and_by_default_nothing_goes(settings):
    make_entry(days=100)
    make_entry(days=1)
    assert remove_expired_entries(timezone.now()) == 0
    settings.STAGENT_AUDIT_DAYS = 90
    assert remove_expired_entries(timezone.now()) == 1
    assert AuditEntry.objects.count() == 1
