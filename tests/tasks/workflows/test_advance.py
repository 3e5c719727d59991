"""What is done in rows with a run: its steps' tasks, its approvals, its end."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ledger.models import Budget
from tasks import lifecycle
from tasks.exceptions import Conflict
from tasks.models import (
    PermissionRequest,
    Run,
    StepRun,
    Task,
    Workflow,
    WorkflowDocument,
    WorkflowRun,
)
from tasks.models.permission import Answer
from tasks.workflows import advance, control
from tasks.workflows.advance import sweep
from tasks.workflows.start import start
from tests.factories import (
    DocumentFactory,
    ProjectFactory,
    TaskFactory,
    WorkflowFactory,
)
from tests.tasks.workflows.running import begin, begun, end, reread, step, task_of

pytestmark = pytest.mark.django_db

PARALLEL = [step("a"), step("b"), step("c", dependsOn=["a", "b"])]
CHECKPOINT = [step("a"), step("b", requiresApproval=True), step("c")]


def answer(task, *, is_allowed, message=""):
    request = PermissionRequest.objects.pending().get(task=task)
    request.answer(Answer(is_allowed=is_allowed, by="anna", message=message))
    sweep()


# --- Steps are ordinary tasks -----------------------------------------------------------


def test_a_step_is_a_task_that_runs_with_all_that_its_definition_says():
    project = ProjectFactory()
    documents = [DocumentFactory() for _ in range(4)]
    source = TaskFactory()
    source.documents.add(documents[0])
    own = step(
        "a",
        name="Draft",
        prompt="finish: x",
        assignedAgent="echo",
        agentProfile="researcher",
        budgetUsd=1.5,
        documentIds=[documents[1].pk],
    )
    more = {"sourceTaskId": str(source.pk)}
    workflow = WorkflowFactory(steps=[own], more=more, project=project)
    WorkflowDocument.objects.create(workflow=workflow, document=documents[2])
    WorkflowDocument.objects.create(
        workflow=workflow, document=documents[3], step_id="other"
    )
    run = start(workflow, by="anna")
    sweep()

    task = task_of(run, "a")
    assert task.title == "[Workflow] Draft"
    assert task.description == "finish: x"
    assert task.priority == 1
    assert task.status == Task.Status.RUNNING
    assert (task.project, task.workflow, task.workflow_run) == (
        project,
        workflow,
        run.pk,
    )
    assert task.max_budget_microdollars == 1_500_000
    assert task.created_by == "anna"
    assert set(task.documents.all()) == set(documents[:3])
    queued = Run.objects.get(task=task)
    assert (queued.runtime, queued.profile) == ("echo", "researcher")
    assert queued.workflow_run == run.pk


def test_a_step_may_spend_five_dollars_if_nothing_else_is_said():
    run = begin(step("a"))

    assert task_of(run, "a").budget_microdollars == 5_000_000


def test_a_sequence_goes_on_with_each_end_and_completes():
    run = begin(step("a"), step("b"))
    assert begun(run) == ["a"]
    end(run, "a", result="from a")
    assert begun(run) == ["a", "b"]
    end(run, "b")

    assert reread(run).status == WorkflowRun.Status.COMPLETED
    assert run.workflow.status == Workflow.Status.COMPLETED
    assert run.finished_at
    assert run.due_at is None


def test_a_worker_that_looks_again_starts_nothing_twice():
    run = begin(*PARALLEL, pattern="parallel")
    for _ in range(3):
        WorkflowRun.objects.update(due_at=timezone.now())
        sweep()

    assert begun(run) == ["a", "b"]
    assert Run.objects.count() == 2


def test_a_failed_step_fails_the_run_and_a_retry_goes_on_to_what_depended_on_it():
    run = begin(step("a"), step("b"))
    end(run, "a", Task.Status.FAILED)
    assert reread(run).status == WorkflowRun.Status.FAILED
    assert run.workflow.status == Workflow.Status.FAILED
    assert run.reason == "Failed: A"

    control.retry(run.workflow, "a", by="anna")
    sweep()
    assert reread(run).status == WorkflowRun.Status.ACTIVE
    end(run, "a")
    end(run, "b")
    assert reread(run).status == WorkflowRun.Status.COMPLETED
    assert list(StepRun.objects.values_list("step_id", "attempt")) == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
    ]


def test_a_retry_that_fails_again_fails_the_run_again():
    run = begin(step("a"))
    for _ in range(2):
        end(run, "a", Task.Status.FAILED)
        assert reread(run).status == WorkflowRun.Status.FAILED
        control.retry(run.workflow, "a", by="anna")
        sweep()
    assert StepRun.objects.get(is_retried=False).attempt == 3


def test_of_two_retries_one_is_too_late():
    run = begin(step("a"))
    end(run, "a", Task.Status.FAILED)
    control.retry(run.workflow, "a", by="anna")

    with pytest.raises(Conflict):
        control.retry(run.workflow, "a", by="bert")


@pytest.mark.parametrize("step_id", ["b", "x"])
def test_only_a_failed_step_of_the_run_can_be_retried(step_id):
    run = begin(step("a"), step("b"))
    end(run, "a", Task.Status.FAILED)

    with pytest.raises((Conflict, control.UnknownStep)):
        control.retry(run.workflow, step_id, by="anna")


# --- Whatever is done to a step's task is seen ----------------------------------------------


def test_a_cancelled_task_fails_its_step():
    run = begin(step("a"), step("b"))
    lifecycle.cancel(task_of(run, "a"), by="anna")
    sweep()

    assert reread(run).status == WorkflowRun.Status.FAILED
    assert StepRun.objects.get().error == "Its task was cancelled."


def test_a_deleted_task_fails_its_step_unless_it_had_completed():
    run = begin(step("a"), step("b"))
    end(run, "a")
    lifecycle.delete(task_of(run, "a"))
    sweep()
    assert reread(run).status == WorkflowRun.Status.ACTIVE
    lifecycle.delete(task_of(run, "b"))
    sweep()

    assert reread(run).status == WorkflowRun.Status.FAILED
    assert StepRun.objects.get(step_id="b").error == "Its task was deleted."


def test_a_task_that_is_started_again_by_hand_takes_its_run_along():
    run = begin(step("a"), step("b"))
    end(run, "a", Task.Status.FAILED)
    assert reread(run).status == WorkflowRun.Status.FAILED

    lifecycle.run_again(task_of(run, "a"), by="anna")
    sweep()
    assert reread(run).status == WorkflowRun.Status.ACTIVE
    assert run.workflow.status == Workflow.Status.ACTIVE
    end(run, "a")
    assert begun(run) == ["a", "b"]


def test_a_task_of_an_earlier_run_takes_nothing_along():
    run = begin(step("a"))
    end(run, "a", Task.Status.FAILED)
    again = start(reread(run).workflow, by="a test")
    sweep()
    lifecycle.run_again(task_of(run, "a"), by="anna")
    sweep()

    assert reread(run).status == WorkflowRun.Status.FAILED
    assert reread(again).status == WorkflowRun.Status.ACTIVE


def test_a_task_without_a_workflow_takes_no_statement_more(django_assert_num_queries):
    task = TaskFactory(status=Task.Status.QUEUED)
    with CaptureQueriesContext(connection) as queries:
        lifecycle.start_run(task, by="a test")

    assert not [one for one in queries if "workflowrun" in one["sql"].lower()]


# --- Approvals -------------------------------------------------------------------------------


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
    answer(task_of(run, "b"), is_allowed=True)
    assert task_of(run, "b").status == Task.Status.RUNNING
    end(run, "b")

    assert begun(run) == ["a", "b", "c"]


def test_denied_the_step_fails_with_what_was_said():
    run = begin(*CHECKPOINT, pattern="checkpoint")
    end(run, "a")
    answer(task_of(run, "b"), is_allowed=False, message="not yet")
    sweep()

    assert reread(run).status == WorkflowRun.Status.FAILED
    assert task_of(run, "b").status == Task.Status.CANCELLED
    assert StepRun.objects.get(step_id="b").error == "Approval denied by anna: not yet"


def test_a_denied_step_is_asked_about_again_and_one_that_was_allowed_is_not():
    run = begin(*CHECKPOINT, pattern="checkpoint")
    end(run, "a")
    answer(task_of(run, "b"), is_allowed=False)
    sweep()
    control.retry(reread(run).workflow, "b", by="anna")
    sweep()
    answer(task_of(run, "b"), is_allowed=True)
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


# --- Pause, resume, stop ------------------------------------------------------------------


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
    answer(task_of(run, "a"), is_allowed=True)
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


# --- Refusals ---------------------------------------------------------------------------------


def test_a_step_that_no_budget_pays_for_pauses_the_run_and_leaves_nothing_half_started():
    budget = Budget.objects.create(
        scope="overall", period="daily", limit_microdollars=0
    )
    run = begin(step("a"))

    assert reread(run).status == WorkflowRun.Status.PAUSED
    assert run.workflow.status == Workflow.Status.PAUSED
    assert run.reason.startswith("The step “A” could not start: ")
    assert not Task.objects.exists()
    assert not StepRun.objects.exists()

    budget.delete()
    control.resume(run.workflow, by="anna")
    sweep()
    assert begun(run) == ["a"]


def test_a_runtime_that_is_not_ready_pauses_the_run(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    run = begin(step("a", assignedAgent="openai-direct"))

    assert reread(run).status == WorkflowRun.Status.PAUSED
    assert "not ready" in run.reason


# --- Delays, loops ------------------------------------------------------------------------------


def test_a_delay_ends_at_its_time():
    run = begin({"id": "w", "name": "W", "delayDuration": "30m"}, step("b"))
    sweep()
    wakes_in = reread(run).due_at - timezone.now()
    assert timedelta(minutes=29) < wakes_in <= timedelta(minutes=30)

    past = timezone.now() - timedelta(seconds=1)
    StepRun.objects.update(delayed_until=past)
    WorkflowRun.objects.update(due_at=past)
    sweep()
    assert begun(run) == ["w", "b"]
    assert StepRun.objects.get(step_id="w").status == "completed"


def test_a_loop_goes_over_its_items_and_says_so_to_each():
    own = step("a", prompt="Describe {{city}}.")
    config = {"loopConfig": {"items": ["Oslo", "Rome"], "itemVariable": "city"}}
    run = begin(own, pattern="loop", more=config)
    first = task_of(run, "a")
    end(run, "a", result="cold")
    second = task_of(run, "a", 1)
    end(run, "a", iteration=1)

    assert first.title == "[Workflow] A (1 of 2)"
    assert "Iteration 1 of 2." in first.description
    assert "Describe Oslo." in first.description
    assert "Describe Rome." in second.description
    assert "LOOP_COMPLETE" in second.description
    assert reread(run).status == WorkflowRun.Status.COMPLETED
    assert run.stop_reason == "max_iterations"


def test_a_loop_ends_when_its_agent_says_so():
    run = begin(step("a"), pattern="loop", more={"loopConfig": {"maxIterations": 5}})
    end(run, "a", result="It is done. loop_complete")

    assert reread(run).stop_reason == "agent_signaled"
    assert StepRun.objects.count() == 1


def test_a_loop_that_a_person_pauses_or_stops_says_so():
    run = begin(step("a"), pattern="loop", more={"loopConfig": {"maxIterations": 5}})
    control.pause(run.workflow, by="anna")
    assert reread(run).stop_reason == "human_pause"
    control.stop(run.workflow, by="anna")
    assert reread(run).stop_reason == "human_cancel"


# --- The sweep ------------------------------------------------------------------------------------


def test_a_run_that_cannot_be_advanced_does_not_hold_up_the_others():
    broken = start(WorkflowFactory(), by="a test")
    WorkflowRun.objects.filter(pk=broken.pk).update(definition=json.dumps({}))
    sound = start(WorkflowFactory(), by="a test")
    with pytest.raises(Exception, match="pattern"):
        sweep()
    sweep()

    assert begun(sound) == ["a"]


def test_the_sweep_tells_when_to_look_again():
    assert sweep() is None
    begin({"id": "w", "name": "W", "delayDuration": "30m"})
    sweep()

    assert sweep() > timezone.now()


def test_advancing_one_of_a_hundred_takes_as_many_statements_as_the_only_one():
    def statements():
        run = begin(*[step(f"s{n}") for n in range(10)])
        task = task_of(run, "s0")
        lifecycle.record_status(task, Task.Status.COMPLETED, by="a test")
        with CaptureQueriesContext(connection) as queries:
            assert advance.advance(run.pk)
        return len(queries)

    alone = statements()
    for _ in range(99):
        begin(*[step(f"s{n}") for n in range(10)])
    assert statements() == alone
