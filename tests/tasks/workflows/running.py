"""Runs of workflows in a test's own process: `sweep()` is the worker's, the agents are the test."""

from tasks import lifecycle
from tasks.models import PermissionRequest, StepRun, Task
from tasks.models.permission import Decision
from tasks.workflows.advance import sweep
from tasks.workflows.start import start
from tests.factories import WorkflowFactory


def step(step_id, **fields):
    return {"id": step_id, "name": step_id.upper(), "prompt": "finish: ok", **fields}


def begin(*steps, pattern="sequence", more=None, **fields):
    """Start a workflow and let a worker look at it; return its run."""
    workflow = WorkflowFactory(
        steps=list(steps), pattern=pattern, more=more or {}, **fields
    )
    run = start(workflow, by="a test")
    sweep()
    return run


def task_of(run, step_id, iteration=0):
    """Return the task of the last attempt at a step."""
    found = StepRun.objects.filter(run=run, step_id=step_id, iteration=iteration)
    return Task.objects.get(pk=found.latest("attempt").task_id)


def end(run, step_id, status=Task.Status.COMPLETED, iteration=0, **changes):
    """Let the agent of a step end, and a worker look at the run."""
    task = task_of(run, step_id, iteration)
    lifecycle.record_status(task, status, by="a test", **changes)
    sweep()


def begun(run):
    """Return the ids of the steps that have begun, in order."""
    return list(StepRun.objects.filter(run=run).values_list("step_id", flat=True))


def reread(run):
    run.refresh_from_db()
    run.workflow.refresh_from_db()
    return run


PARALLEL = [step("a"), step("b"), step("c", dependsOn=["a", "b"])]


def decide(task, *, is_allowed, message=""):
    request = PermissionRequest.objects.pending().get(task=task)
    request.decide(Decision(is_allowed=is_allowed, by="anna", message=message))
    sweep()
