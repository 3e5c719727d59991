"""A schedule that runs a workflow in place of a task."""

import pytest

from tasks.exceptions import Conflict
from tasks.models import Schedule, Task, WorkflowRun
from tasks.schedules import firing
from tasks.workflows.start import start
from tests.factories import WorkflowFactory
from tests.tasks.schedules.due import HOUR, NOON, due_schedule, fire
from tests.tasks.workflows.running import end, sweep

pytestmark = pytest.mark.django_db


def due_workflow(**fields):
    fields.setdefault("workflow", WorkflowFactory())
    return due_schedule(prompt="", **fields)


def run_of(fired):
    return WorkflowRun.objects.get(pk=fired.workflow_run)


def finish(fired, status=Task.Status.COMPLETED):
    sweep()
    end(run_of(fired), "a", status)
    firing.settle_ended()
    fired.refresh_from_db()
    fired.schedule.refresh_from_db()
    return fired


def test_a_due_schedule_starts_a_run_of_its_workflow_and_no_task_of_its_own():
    schedule = due_workflow()
    fired = fire(schedule)
    assert (fired.status, fired.number, fired.task) == ("started", 1, None)
    run = run_of(fired)
    assert (run.workflow, run.created_by) == (schedule.workflow, "schedule")
    assert not Task.objects.exists()
    assert schedule.next_fire_at == NOON + HOUR
    sweep()
    assert Task.objects.get().workflow_run == run.pk


def test_while_its_run_goes_on_the_next_firing_is_skipped():
    schedule = due_workflow()
    first = fire(schedule)
    assert fire(schedule, NOON + HOUR).reason == "Firing #1 was still running."
    assert finish(first).outcome == "completed"
    assert fire(schedule, NOON + 2 * HOUR).number == 2


def test_a_queued_run_starts_when_the_one_before_has_ended():
    schedule = due_workflow(overlap="queue")
    first = fire(schedule)
    second = fire(schedule, NOON + HOUR)
    assert second.status == "waiting"
    finish(first)
    second.refresh_from_db()
    assert (second.status, run_of(second).number) == ("started", 2)


def test_a_run_that_somebody_else_started_is_an_overlap_too():
    schedule = due_workflow()
    start(schedule.workflow, by="ada")
    skipped = fire(schedule)
    assert (skipped.status, skipped.number, skipped.workflow_run) == (
        "skipped",
        None,
        None,
    )
    assert "already running" in skipped.reason
    with pytest.raises(Conflict, match="already running"):
        firing.fire_now(schedule, by="ada", force=True)


def test_three_failed_runs_pause_it():
    schedule = due_workflow()
    for number in range(3):
        finish(fire(schedule, NOON + number * HOUR), Task.Status.FAILED)
        schedule.refresh_from_db()
    assert (schedule.status, schedule.failure_streak) == ("paused", 3)


def test_of_a_deleted_workflow_nothing_is_started_and_the_row_says_so():
    schedule = due_workflow()
    schedule.workflow.delete()
    refused = fire(schedule)
    assert (refused.status, refused.reason) == (
        "refused",
        "There is nothing to start: the schedule's workflow was deleted.",
    )
    assert not Task.objects.exists()


def test_a_schedule_of_a_task_becomes_one_of_a_workflow(api):
    schedule, workflow = due_schedule(prompt="Build"), WorkflowFactory()
    body = {"workflowId": str(workflow.pk)}
    changed = api.patch(f"/api/schedules/{schedule.pk}", body).json()
    assert (changed["workflowId"], changed["prompt"]) == (str(workflow.pk), None)
    assert fire(schedule).workflow_run is not None


def test_one_whose_workflow_was_deleted_can_be_paused_and_renamed(api):
    schedule = due_workflow()
    schedule.workflow.delete()
    path = f"/api/schedules/{schedule.pk}"
    body = {"status": "paused", "name": "Orphan"}
    assert api.patch(path, body).status_code == 200
    assert errors_of(api.patch(path, {"status": "active"})) == ["prompt"]
    whole = api.patch(path, {"status": "active", "prompt": "Build"})
    assert whole.json()["status"] == "active"


def test_a_workflow_that_cannot_run_is_refused_with_the_reason():
    refused = fire(due_workflow(workflow=WorkflowFactory(definition="{}")))
    assert refused.status == "refused"
    assert "The workflow cannot run" in refused.reason
    assert not WorkflowRun.objects.exists()


# --- Over the API ------------------------------------------------------------------------------


def errors_of(answer):
    assert answer.status_code == 400, answer.content
    return list(answer.json()["error"]["fieldErrors"])


def test_a_schedule_of_a_workflow_needs_no_prompt(api):
    workflow = WorkflowFactory()
    body = {"name": "Nightly", "interval": "daily", "workflowId": str(workflow.pk)}
    made = api.post("/api/schedules", body)
    assert made.status_code == 201, made.content
    assert made.json()["workflowId"] == str(workflow.pk)
    path = f"/api/schedules/{made.json()['id']}"
    started = api.post(f"{path}/execute").json()
    assert started["taskId"] is None
    assert started["workflowRunId"] == str(WorkflowRun.objects.get().pk)
    shown = api.get(path).json()["firings"][0]
    assert shown["workflowRunId"] == started["workflowRunId"]
    again = api.post(f"{path}/execute?force=true")
    assert (again.status_code, list(again.json())) == (409, ["error", "status"])
    without = api.patch(path, {"workflowId": None})
    assert errors_of(without) == ["prompt"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"workflowId": "x"}, "workflowId"),
        ({"workflowId": "7f9c1c1e-3a52-4b0a-9d86-0d8d2f1f6f10"}, "workflowId"),
        ({"type": "heartbeat"}, "workflowId"),
        ({"prompt": "x"}, "prompt"),
        ({"heartbeatBudgetPerDay": 1}, "heartbeatBudgetPerDay"),
    ],
)
def test_what_does_not_go_with_a_workflow_is_refused(api, fields, field):
    body = {
        "name": "Nightly",
        "interval": "daily",
        "workflowId": str(WorkflowFactory().pk),
    }
    assert errors_of(api.post("/api/schedules", {**body, **fields})) == [field]
    assert not Schedule.objects.exists()


def test_the_provenance_of_a_step_begins_with_the_schedule(api):
    schedule = due_workflow(name="Nightly")
    fire(schedule)
    sweep()
    task = Task.objects.get()
    lineage = api.get(f"/api/tasks/{task.pk}/provenance").json()["lineage"]
    assert [(one["type"], one["id"]) for one in lineage] == [
        ("schedule", str(schedule.pk)),
        ("workflow", str(schedule.workflow.pk)),
        ("task", str(task.pk)),
    ]


def test_its_page_in_the_admin_links_to_the_workflow(admin_client):
    schedule = due_workflow(workflow=WorkflowFactory(name="Nightly build"))
    fire(schedule)
    url = f"/admin/tasks/schedule/{schedule.pk}/change/"
    shown = admin_client.get(url).content.decode()
    assert f'href="/admin/tasks/workflow/{schedule.workflow.pk}/change/"' in shown
