"""A run of a workflow that a person pauses, resumes, stops or deletes."""

import pytest
from django.utils import timezone

from tasks import lifecycle
from tasks.exceptions import Conflict
from tasks.models import (
    PermissionRequest,
    Task,
    Workflow,
    WorkflowRun,
)
from tasks.workflows import control
from tasks.workflows.advance import sweep
from tasks.workflows.start import start
from tests.factories import (
    WorkflowFactory,
)
from tests.tasks.workflows.running import (
    PARALLEL,
    begin,
    begun,
    decide,
    end,
    reread,
    step,
    task_of,
)

pytestmark = pytest.mark.django_db


def test_paused_starts_nothing_more_and_resumed_goes_on():
    run = begin(step("a"), step("b"))
    control.pause(run.workflow, by="anna")
    end(run, "a")
    assert begun(run) == ["a"]
    assert reread(run).workflow.status == Workflow.Status.PAUSED

    control.resume(run.workflow, by="anna")
    sweep()
    assert begun(run) == ["a", "b"]


def test_what_was_allowed_while_paused_starts_when_resumed():
    run = begin(step("a", requiresApproval=True))
    control.pause(run.workflow, by="anna")
    decide(task_of(run, "a"), is_allowed=True)
    assert task_of(run, "a").status == Task.Status.PLANNED
    control.resume(run.workflow, by="anna")
    sweep()

    assert task_of(run, "a").status == Task.Status.RUNNING


def test_stopped_cancels_what_runs():
    run = begin(*PARALLEL, pattern="parallel")
    control.stop(run.workflow, by="anna")
    sweep()

    assert reread(run).status == WorkflowRun.Status.STOPPED
    assert run.workflow.status == Workflow.Status.FAILED
    assert run.stop_reason == "human_cancel"
    assert set(Task.objects.values_list("status", flat=True)) == {Task.Status.CANCELLED}


def test_stopped_it_asks_nobody_any_more():
    run = begin(step("a", requiresApproval=True))
    control.stop(run.workflow, by="anna")
    sweep()

    assert PermissionRequest.objects.get().status == "withdrawn"
    assert task_of(run, "a").status == Task.Status.CANCELLED


def test_a_worker_that_dies_before_it_has_cancelled_all_leaves_the_run_due():
    run = begin(*PARALLEL, pattern="parallel")
    control.stop(run.workflow, by="anna")
    cancel = lifecycle.cancel
    lifecycle.cancel = lambda *args, **kwargs: None  # as if it were killed here
    try:
        sweep()
    finally:
        lifecycle.cancel = cancel
    assert reread(run).due_at

    WorkflowRun.objects.update(due_at=timezone.now())
    sweep()
    assert set(Task.objects.values_list("status", flat=True)) == {Task.Status.CANCELLED}


@pytest.mark.parametrize(
    ("verb", "status"),
    [
        ("pause", "draft"),
        ("pause", "completed"),
        ("resume", "active"),
        ("stop", "draft"),
        ("delete", "active"),
    ],
)
def test_what_does_not_fit_is_refused(verb, status):
    workflow = WorkflowFactory(status=status)

    with pytest.raises(Conflict) as error:
        getattr(control, verb)(workflow, by="anna")
    assert status in str(error.value)


@pytest.mark.parametrize("status", ["active", "paused"])
def test_a_workflow_in_hand_is_not_started_again(status):
    with pytest.raises(Conflict, match="already running"):
        start(WorkflowFactory(status=status), by="anna")


def test_a_deleted_workflow_leaves_its_runs_and_tasks():
    run = begin(step("a"))
    end(run, "a")
    control.delete(reread(run).workflow, by="anna")

    run.refresh_from_db()
    assert run.workflow is None
    assert run.workflow_name
    assert Task.objects.get().workflow_run == run.pk


def test_a_paused_workflow_that_is_deleted_ends_what_runs():
    run = begin(step("a"), step("b"))
    control.pause(run.workflow, by="anna")
    control.delete(reread(run).workflow, by="anna")
    sweep()

    run.refresh_from_db()
    assert run.status == WorkflowRun.Status.STOPPED
    assert Task.objects.get().status == Task.Status.CANCELLED
