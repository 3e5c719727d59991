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
    Run,
    StepRun,
    Task,
    Workflow,
    WorkflowDocument,
    WorkflowRun,
)
from tasks.workflows import advance, control
from tasks.workflows.advance import sweep
from tasks.workflows.start import start
from tests.factories import (
    DocumentFactory,
    ProjectFactory,
    TaskFactory,
    WorkflowFactory,
)
from tests.tasks.workflows.running import (
    PARALLEL,
    begin,
    begun,
    end,
    reread,
    step,
    task_of,
)

pytestmark = pytest.mark.django_db


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
