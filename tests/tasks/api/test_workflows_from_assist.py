"""/api/workflows/from-assist: the workflow that an assist proposed."""

import json

import pytest

from tasks.models import (
    Task,
    Workflow,
)
from tasks.workflows.advance import sweep
from tests.tasks.api.workflow_requests import field_errors, sequence
from tests.tasks.workflows.running import step

pytestmark = pytest.mark.django_db


def from_assist(api, **fields):
    body = {"name": "W", "definition": sequence(step("a"), step("b")), **fields}
    return api.post("/api/workflows/from-assist", body)


def test_a_proposed_workflow_is_kept_without_tasks_that_never_run(api):
    found = from_assist(api, assignedAgent="claude-code").json()

    assert found["status"] == "created"
    assert found["taskIds"] == []
    assert found["parentTaskId"] is None
    assert not Task.objects.exists()
    definition = json.loads(found["workflow"]["definition"])
    assert definition["priority"] == 2
    assert {own["assignedAgent"] for own in definition["steps"]} == {"claude-code"}


def test_started_at_once_it_names_the_tasks_that_run(api):
    answer = from_assist(api, executeImmediately=True)
    assert answer.status_code == 201
    found = answer.json()

    assert found["status"] == "started"
    assert (found["workflow"]["status"], found["workflow"]["runNumber"]) == (
        "active",
        1,
    )
    (task_id,) = found["taskIds"]
    task = Task.objects.get(pk=task_id)
    assert (task.status, task.priority) == (Task.Status.RUNNING, 2)
    sweep()
    assert Task.objects.count() == 1  # a worker that looks as well starts nothing twice


def test_what_is_wrong_with_a_proposed_workflow_is_told(api):
    assert "definition" in field_errors(from_assist(api, definition={}))
    assert "name" in field_errors(from_assist(api, name=""))
    assert not Workflow.objects.exists()
