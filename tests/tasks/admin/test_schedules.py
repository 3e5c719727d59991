"""The operator's page of a schedule: its next times, its firings, pause and run now."""

import pytest
from django.urls import reverse

from tasks.admin.schedules import describe_moment
from tasks.models import Firing, Schedule, Task
from tests.factories import (
    DocumentFactory,
    ProjectFactory,
    ScheduleFactory,
    WorkflowFactory,
)
from tests.ledger.factories import BudgetFactory
from tests.tasks.admin.pages import login_operator, page, press
from tests.tasks.schedules.due import NOON, due_schedule, end, fire

pytestmark = pytest.mark.django_db

FORM = {
    "name": "Morning report",
    "type": "scheduled",
    "prompt": "Summarise",
    "interval": "weekdays at 8:30",
    "timezone": "Europe/Berlin",
    "overlap": "skip",
    "catchup": "one",
    "recurs": "on",
    "active_timezone": "UTC",
}


def add(client, **form):
    return press(client, reverse("admin:tasks_schedule_add"), **{**FORM, **form})


def do(client, schedule, name):
    url = reverse("admin:tasks_schedule_do", args=[schedule.pk, name])
    return press(client, url)


def test_an_operator_adds_a_schedule_that_fires(admin_client):
    add(admin_client, budget_usd="1.50", documents=[DocumentFactory().pk])
    schedule = Schedule.objects.get()
    assert schedule.cron_expression == "30 8 * * 1-5"
    assert schedule.next_fire_at is not None
    assert schedule.heartbeat_budget_microdollars == 1_500_000
    assert schedule.created_by == "admin"
    assert schedule.documents.count() == 1


def test_a_heartbeats_checklist_is_a_line_a_point(admin_client):
    add(admin_client, type="heartbeat", prompt="", points="Look\n\n Listen ")
    assert Schedule.objects.get().checklist == [
        {"id": "1", "instruction": "Look", "priority": "medium"},
        {"id": "2", "instruction": "Listen", "priority": "medium"},
    ]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"interval": "whenever"}, "Cannot parse interval"),
        ({"timezone": "Mars"}, "Unknown time zone: Mars"),
        ({"prompt": ""}, "what each task is to do"),
        ({"type": "heartbeat"}, "goes through a checklist"),
        ({"type": "heartbeat", "points": "x\n" + "y" * 2000}, "2000 at most"),
        ({"active_hours_start": "9"}, "active hours have a start and an end"),
        ({"max_firings": "0"}, "At least 1"),
        (
            {"interval": "0 3 * * *", "active_hours_start": 9, "active_hours_end": 17},
            "would never fire",
        ),
    ],
)
def test_what_does_not_fit_is_said_and_no_text_is_lost(admin_client, form, message):
    shown = add(admin_client, **form)
    assert message in shown
    assert "Morning report" in shown
    assert not Schedule.objects.exists()


def test_a_change_of_the_interval_plans_anew_and_of_the_name_does_not(admin_client):
    schedule = due_schedule(name="Report")
    url = reverse("admin:tasks_schedule_change", args=[schedule.pk])
    form = {**FORM, "name": "Digest", "interval": "every hour", "timezone": "UTC"}
    press(admin_client, url, **form)
    schedule.refresh_from_db()
    assert (schedule.name, schedule.next_fire_at) == ("Digest", NOON)
    press(admin_client, url, **{**form, "interval": "30 9 * * *"})
    schedule.refresh_from_db()
    assert schedule.cron_expression == "30 9 * * *"
    assert schedule.next_fire_at.minute == 30


def test_its_page_shows_the_next_five_times_describe_moment_and_zone(admin_client):
    schedule = due_schedule(timezone="America/New_York", cron_expression="30 9 * * *")
    shown = page(admin_client, "tasks_schedule_change", schedule.pk)
    assert "Monday 1 June 2026, 08:00 EDT" in shown
    assert shown.count(", 09:30 E") == 4
    assert "At 09:30 every day (America/New_York)" in shown


def test_times_are_said_by_the_clock_of_the_zone():
    schedule = ScheduleFactory(timezone="Europe/Berlin")
    assert describe_moment(NOON, schedule) == "Monday 1 June 2026, 14:00 CEST"


def test_its_page_shows_its_firings_and_their_outcomes(admin_client):
    schedule = due_schedule()
    fired = end(fire(schedule))
    Firing.objects.create(
        schedule=schedule,
        scheduled_for=NOON.replace(hour=5),
        status="refused",
        reason="<b>No money</b>",
    )
    shown = page(admin_client, "tasks_schedule_change", schedule.pk)
    assert str(fired.task) in shown
    assert "completed" in shown
    raw = admin_client.get(
        reverse("admin:tasks_schedule_change", args=[schedule.pk])
    ).content.decode()
    assert "&lt;b&gt;No money" in raw


def test_pause_resume_and_run_now(admin_client):
    schedule = due_schedule()
    assert "Paused by admin." in do(admin_client, schedule, "pause")
    assert "does not fire by itself" in do(admin_client, schedule, "pause")
    assert "Resumed" in do(admin_client, schedule, "resume")
    assert "Started" in do(admin_client, schedule, "run_now")
    assert "still running" in do(admin_client, schedule, "run_now")
    assert Task.objects.count() == 1


def test_run_now_that_is_refused_says_why_and_is_a_row(admin_client):
    BudgetFactory(limit_microdollars=0)
    schedule = due_schedule()
    assert "used up" in do(admin_client, schedule, "run_now")
    assert "refused" in page(admin_client, "tasks_schedule_change", schedule.pk).lower()


def test_who_may_not_start_tasks_may_not_have_a_schedule_start_them(client):
    login_operator(client, "view_schedule", "change_schedule", "add_schedule")
    schedule = due_schedule()
    url = reverse("admin:tasks_schedule_do", args=[schedule.pk, "run_now"])
    assert client.post(url).status_code == 403
    assert client.get(reverse("admin:tasks_schedule_add")).status_code == 403
    assert "Run now" not in page(client, "tasks_schedule_change", schedule.pk)


def test_deleting_keeps_its_tasks(admin_client):
    schedule = due_schedule(project=ProjectFactory())
    fire(schedule)
    url = reverse("admin:tasks_schedule_delete", args=[schedule.pk])
    press(admin_client, url, post="yes")
    assert not Schedule.objects.exists()
    assert Task.objects.count() == 1


def test_the_overview_shows_what_is_due_next(admin_client):
    due_schedule(name="Morning report")
    ScheduleFactory(name="Resting", status="paused")
    shown = page(admin_client, "index")
    assert "Due next" in shown
    assert "Morning report" in shown
    assert "Resting" not in shown


def preview(client, **form):
    url = reverse("admin:tasks_schedule_preview")
    return client.post(url, {"timezone": "UTC", **form}).json()


def test_what_is_written_is_told_with_its_next_five_times(admin_client):
    told = preview(admin_client, interval="every weekday at 9")["text"]
    assert told.startswith("At 09:00 on Monday through Friday (UTC). Next: ")
    assert told.count(", 09:00 UTC") == 5
    within = {"active_hours_start": "9", "active_hours_end": "11"}
    zone = {"active_timezone": "UTC"}
    told = preview(admin_client, interval="every hour", **within, **zone)["text"]
    assert {time[-9:-4] for time in told.split("Next: ")[1][:-1].split("; ")} == {
        "09:00",
        "10:00",
    }


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"interval": "whenever"}, "Cannot parse interval"),
        ({"interval": "hourly", "timezone": "Mars"}, "Unknown time zone: Mars"),
        (
            {
                "interval": "0 3 * * *",
                "active_hours_start": "9",
                "active_hours_end": "17",
                "active_timezone": "UTC",
            },
            "would never fire",
        ),
    ],
)
def test_what_is_wrong_is_told_while_it_is_written(admin_client, form, error):
    assert error in preview(admin_client, **form)["error"]


def test_nothing_is_told_to_who_may_not_have_schedules(client):
    login_operator(client, "view_schedule")
    url = reverse("admin:tasks_schedule_preview")
    assert client.post(url, {"interval": "hourly"}).status_code == 403


def test_one_chooses_between_a_task_and_a_workflow(admin_client):
    workflow = WorkflowFactory(name="Announcement")
    add(admin_client, starts="workflow", workflow=workflow.pk, budget_usd="2")
    schedule = Schedule.objects.get()
    assert (schedule.workflow, schedule.prompt) == (workflow, "")
    assert schedule.heartbeat_budget_microdollars is None
    url = reverse("admin:tasks_schedule_change", args=[schedule.pk])
    press(admin_client, url, **FORM, starts="task", workflow=workflow.pk)
    schedule.refresh_from_db()
    assert (schedule.workflow, schedule.prompt) == (None, "Summarise")


def test_a_workflow_has_to_be_chosen(admin_client):
    assert "which workflow it starts" in add(admin_client, starts="workflow")


def test_the_list_says_what_starts_and_by_whose_clock(admin_client):
    workflow = WorkflowFactory(name="Announcement")
    due_schedule(timezone="Europe/Berlin", workflow=workflow, prompt="")
    shown = page(admin_client, "tasks_schedule_changelist")
    assert "Announcement" in shown
    assert "Mon 1 Jun, 14:00 CEST" in shown
