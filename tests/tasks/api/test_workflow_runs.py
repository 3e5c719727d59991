"""The runs of a workflow by the API: execute, pause, stop, retry, approve, repeat."""

import pytest

from tasks.models import (
    PermissionRequest,
    Task,
    WorkflowRun,
)
from tasks.workflows.advance import sweep
from tests.factories import (
    ProjectFactory,
    WorkflowFactory,
)
from tests.tasks.api.workflow_requests import create, field_errors, sequence, status
from tests.tasks.workflows.running import begin, end, step, task_of

pytestmark = pytest.mark.django_db


def test_dependencies_run_in_their_order_until_all_is_completed(api):
    """As other servers' clients do it: create, execute, poll until completed."""
    given = sequence(step("a"), step("b", dependsOn=["a"]))
    workflow_id = create(api, given, projectId=ProjectFactory().pk).json()["id"]
    answer = api.post(f"/api/workflows/{workflow_id}/execute")
    assert answer.status_code == 202
    assert answer.json()["status"] == "started"
    assert answer.json()["workflowId"] == workflow_id
    run = WorkflowRun.objects.get()
    sweep()
    assert [one["status"] for one in status(api, workflow_id)["steps"]] == [
        "running",
        "waiting_dependencies",
    ]
    end(run, "a", result="one")
    end(run, "b", result="two")

    found = status(api, workflow_id)
    assert found["status"] == "completed"
    assert found["runNumber"] == 1
    for one in found["steps"]:
        assert one["state"]["status"] == one["status"] == "completed"
        assert one["state"]["stepId"] == one["stepId"] == one["id"]
        assert one["prompt"] == "finish: ok"
    assert [one["result"] for one in found["steps"]] == ["one", "two"]
    assert api.get(f"/api/workflows/{workflow_id}").json()["status"] == "completed"


def test_the_steps_of_a_run_are_siblings_and_come_from_the_workflow(api):
    run = begin(step("a"), step("b"))
    end(run, "a")
    first, second = task_of(run, "a"), task_of(run, "b")

    siblings = api.get(f"/api/tasks/{first.pk}/siblings").json()
    assert [one["id"] for one in siblings] == [str(second.pk)]
    told = api.get(f"/api/tasks/{first.pk}/provenance").json()
    assert told["sourceType"] == "workflow"
    assert told["parentId"] == str(run.workflow_id)


def test_a_second_execute_while_it_runs_is_refused(api):
    run = begin(step("a"))
    answer = api.post(f"/api/workflows/{run.workflow_id}/execute")

    assert answer.status_code == 409
    assert "already running" in answer.json()["error"]


@pytest.mark.parametrize("verb", ["execute", "resume"])
def test_a_paused_one_goes_on_from_where_it_is(api, verb):
    run = begin(step("a"), step("b"))
    path = f"/api/workflows/{run.workflow_id}"
    api.patch(path, {"status": "paused"})
    end(run, "a")
    answer = api.post(f"{path}/{verb}")
    sweep()

    assert answer.status_code == 202
    assert status(api, run.workflow_id)["runNumber"] == 1
    assert task_of(run, "b").status == Task.Status.RUNNING


def test_a_resume_of_what_is_not_paused_tells_what_it_is(api):
    workflow = WorkflowFactory()
    answer = api.post(f"/api/workflows/{workflow.pk}/resume")

    assert answer.status_code == 409
    assert answer.json()["status"] == "draft"


def test_a_completed_one_starts_afresh_and_its_history_tells_of_both(api):
    run = begin(step("a"))
    end(run, "a", Task.Status.FAILED)
    api.post(f"/api/workflows/{run.workflow_id}/execute")
    sweep()

    history = status(api, run.workflow_id)["runHistory"]
    assert [(one["runNumber"], one["status"]) for one in history] == [
        (2, "active"),
        (1, "failed"),
    ]
    assert (history[1]["taskCount"], history[1]["failedCount"]) == (1, 1)


def test_a_failed_step_tells_what_it_blocks(api):
    steps = [step("a"), step("b"), step("c", dependsOn=["a", "b"])]
    run = begin(*steps, pattern="parallel")
    end(run, "b")
    end(run, "a", Task.Status.FAILED)

    found = {one["id"]: one for one in status(api, run.workflow_id)["steps"]}
    assert found["c"]["status"] == "waiting_dependencies"
    assert found["c"]["error"] == "Blocked by failed branches: A"


def test_a_workflow_of_old_that_has_no_definition_is_refused(api):
    workflow = WorkflowFactory(definition="")

    assert "definition" in field_errors(
        api.post(f"/api/workflows/{workflow.pk}/execute")
    )
    assert status(api, workflow.pk)["steps"] == []


def test_a_stopped_one_has_failed_and_its_tasks_are_cancelled(api):
    run = begin(step("a"))
    answer = api.post(f"/api/workflows/{run.workflow_id}/stop")
    sweep()

    assert answer.json()["status"] == "stopping"
    assert task_of(run, "a").status == Task.Status.CANCELLED
    found = status(api, run.workflow_id)
    assert (found["status"], found["stopReason"]) == ("failed", "human_cancel")


def test_a_retry_is_refused_for_steps_that_are_not_there_or_have_not_failed(api):
    run = begin(step("a"))
    path = f"/api/workflows/{run.workflow_id}/steps"

    assert api.post(f"{path}/x/retry").status_code == 404
    assert api.post(f"{path}/a/retry").status_code == 409


def test_a_retry_tries_the_step_and_what_depended_on_it(api):
    run = begin(step("a"), step("b"))
    end(run, "a", Task.Status.FAILED)
    answer = api.post(f"/api/workflows/{run.workflow_id}/steps/a/retry")
    sweep()

    assert answer.status_code == 202
    assert answer.json()["stepId"] == "a"
    assert status(api, run.workflow_id)["status"] == "active"
    end(run, "a")
    assert task_of(run, "b").status == Task.Status.RUNNING


def test_an_approval_is_listed_and_answered_as_every_request_is(api):
    run = begin(step("a", requiresApproval=True))
    (asked,) = api.get("/api/notifications?status=pending").json()
    assert asked["toolName"] == "WorkflowCheckpoint"
    own = status(api, run.workflow_id)["steps"][0]
    assert own["status"] == "waiting_approval"
    assert own["notificationId"] == asked["id"]
    waiting = api.get(f"/api/tasks/{asked['taskId']}").json()["waitingFor"]
    assert waiting["notificationId"] == asked["id"]

    body = {"notificationId": asked["id"], "behavior": "allow"}
    assert api.post(f"/api/tasks/{asked['taskId']}/respond", body).status_code == 200
    sweep()
    assert task_of(run, "a").status == Task.Status.RUNNING


def test_a_denied_approval_fails_the_step_with_what_was_said(api):
    run = begin(step("a", requiresApproval=True))
    asked = PermissionRequest.objects.get()
    body = {"notificationId": asked.pk, "behavior": "deny", "message": "Not today"}
    api.post(f"/api/tasks/{asked.task_id}/respond", body)
    sweep()

    found = status(api, run.workflow_id)
    assert found["status"] == "failed"
    assert found["steps"][0]["error"].startswith("Approval denied by ")
    assert found["steps"][0]["error"].endswith(": Not today")


@pytest.mark.parametrize(
    "more", [{"updatedInput": {"stepName": "x"}}, {"alwaysAllow": True}]
)
def test_an_approval_takes_no_edits_and_makes_no_rule(api, more):
    begin(step("a", requiresApproval=True))
    asked = PermissionRequest.objects.get()
    body = {"notificationId": asked.pk, "behavior": "allow", **more}
    answer = api.post(f"/api/tasks/{asked.task_id}/respond", body)

    assert next(iter(more)) in field_errors(answer)
    assert PermissionRequest.objects.pending().exists()


def test_a_loop_tells_its_iterations(api):
    run = begin(step("a"), pattern="loop", more={"loopConfig": {"maxIterations": 2}})
    end(run, "a", result="one")
    now = status(api, run.workflow_id)["loopState"]
    assert (now["currentIteration"], now["status"]) == (2, "running")
    end(run, "a", iteration=1, result="two")

    found = status(api, run.workflow_id)["loopState"]
    assert found["status"] == "completed"
    assert found["stopReason"] == "max_iterations"
    assert [one["result"] for one in found["iterations"]] == ["one", "two"]
    assert [one["iteration"] for one in found["iterations"]] == [1, 2]
    assert found["totalDurationMs"] >= 0


def test_a_loop_whose_iteration_fails_has_failed(api):
    run = begin(step("a"), pattern="loop", more={"loopConfig": {"maxIterations": 2}})
    end(run, "a", Task.Status.FAILED)
    found = status(api, run.workflow_id)

    assert found["status"] == found["loopState"]["status"] == "failed"
    assert found["loopState"]["stopReason"] == "error"
