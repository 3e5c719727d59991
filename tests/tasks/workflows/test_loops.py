"""A step that is repeated."""

import pytest

from tasks.models import (
    StepRun,
    WorkflowRun,
)
from tasks.workflows import control
from tests.tasks.workflows.running import begin, end, reread, step, task_of

pytestmark = pytest.mark.django_db


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
