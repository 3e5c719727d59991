"""Steps that a person allows before they start."""

import pytest

from tasks import lifecycle
from tasks.models import (
    PermissionRequest,
    StepRun,
    Task,
    WorkflowRun,
)
from tasks.workflows import control
from tasks.workflows.advance import sweep
from tests.tasks.workflows.running import (
    begin,
    begun,
    decide,
    end,
    reread,
    step,
    task_of,
)

pytestmark = pytest.mark.django_db


CHECKPOINT = [step("a"), step("b", requiresApproval=True), step("c")]


def test_before_an_approval_the_task_is_planned_and_waits_for_a_person():
    run = begin(*CHECKPOINT, pattern="checkpoint")
    end(run, "a", result="the draft")

    task = task_of(run, "b")
    assert task.status == Task.Status.PLANNED
    request = PermissionRequest.objects.get()
    assert request.tool_name == "WorkflowCheckpoint"
    assert request.tool_input == {"workflowId": str(run.workflow_id), "stepName": "B"}
    assert "the draft" in request.message
    assert request.task == task
    assert StepRun.objects.get(step_id="b").status == "waiting_approval"


def test_allowed_it_runs_and_goes_on():
    run = begin(*CHECKPOINT, pattern="checkpoint")
    end(run, "a")
    decide(task_of(run, "b"), is_allowed=True)
    assert task_of(run, "b").status == Task.Status.RUNNING
    end(run, "b")

    assert begun(run) == ["a", "b", "c"]


def test_denied_the_step_fails_with_what_was_said():
    run = begin(*CHECKPOINT, pattern="checkpoint")
    end(run, "a")
    decide(task_of(run, "b"), is_allowed=False, message="not yet")
    sweep()

    assert reread(run).status == WorkflowRun.Status.FAILED
    assert task_of(run, "b").status == Task.Status.CANCELLED
    assert StepRun.objects.get(step_id="b").error == "Approval denied by anna: not yet"


def test_a_denied_step_is_asked_about_again_and_one_that_was_allowed_is_not():
    run = begin(*CHECKPOINT, pattern="checkpoint")
    end(run, "a")
    decide(task_of(run, "b"), is_allowed=False)
    sweep()
    control.retry(reread(run).workflow, "b", by="anna")
    sweep()
    decide(task_of(run, "b"), is_allowed=True)
    end(run, "b", Task.Status.FAILED)
    control.retry(reread(run).workflow, "b", by="anna")
    sweep()

    assert task_of(run, "b").status == Task.Status.RUNNING
    assert not PermissionRequest.objects.pending().exists()


def test_who_executes_the_planned_task_by_hand_needs_no_approval():
    run = begin(*CHECKPOINT, pattern="checkpoint")
    end(run, "a")
    lifecycle.execute(task_of(run, "b"), by="anna")
    assert not PermissionRequest.objects.pending().exists()
    sweep()
    end(run, "b")

    assert begun(run) == ["a", "b", "c"]
