"""/api/workflows, as its documentation says and as no known defect of another server has it."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.models import LedgerEntry
from tasks.models import (
    Task,
    Workflow,
    WorkflowDocument,
)
from tests.factories import (
    DocumentFactory,
    ProjectFactory,
    TaskFactory,
    WorkflowFactory,
)
from tests.ledger.factories import LedgerEntryFactory
from tests.tasks.api.workflow_requests import create, field_errors, sequence, status
from tests.tasks.workflows.running import begin, end, step, task_of

pytestmark = pytest.mark.django_db


NOWHERE = ["x", "7f9c1c1e-3a52-4b0a-9d86-0d8d2f1f6f10", "{}", "%00"]


def statements(send):
    """Count the statements of a request, without the look for tokens once a second."""
    with CaptureQueriesContext(connection) as queries:
        send()
    return len([one for one in queries if "tasks_apitoken" not in one["sql"]])


def test_a_new_workflow_is_a_draft_and_shows_its_definition_as_text(api):
    project = ProjectFactory()
    answer = create(api, projectId=project.pk)

    assert answer.status_code == 201
    found = answer.json()
    assert found["status"] == "draft"
    assert found["runNumber"] == 0
    assert found["projectId"] == project.pk
    assert json.loads(found["definition"]) == sequence(step("a"))
    assert api.get(f"/api/workflows/{found['id']}").json() == found


def test_the_text_that_is_answered_can_be_sent_again(api):
    first = create(api).json()
    again = create(api, definition=first["definition"])

    assert again.json()["definition"] == first["definition"]


def test_the_list_has_the_newest_first_and_what_each_has(api):
    run = begin(step("a"), step("b"))
    end(run, "a")
    for version in (1, 2):
        DocumentFactory(
            direction="output", made_by=task_of(run, "a").pk, version=version
        )
    DocumentFactory(direction="output", made_by=TaskFactory().pk)
    newer = create(api).json()["id"]
    found = api.get("/api/workflows").json()

    assert [one["id"] for one in found] == [newer, str(run.workflow_id)]
    assert [one["taskCount"] for one in found] == [0, 2]
    assert [one["outputDocCount"] for one in found] == [0, 2]


def test_the_list_takes_as_many_statements_whatever_there_is(api):
    counts = []
    for _ in range(2):
        for _ in range(5):
            begin(step("a"))
        counts.append(statements(lambda: api.get("/api/workflows")))
    assert counts[0] == counts[1]


def test_the_status_takes_as_many_statements_whatever_there_is(api):
    counts = []
    for number in (2, 9):
        run = begin(*[step(f"s{n}") for n in range(number)])
        for n in range(number):
            end(run, f"s{n}")
        counts.append(statements(lambda pk=run.workflow_id: status(api, pk)))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("name", ["", "   ", 1, None])
def test_a_blank_name_is_refused(api, name):
    assert "name" in field_errors(create(api, name=name))


def test_what_is_wrong_with_a_definition_is_told_with_its_place(api):
    given = sequence(step("a"), step("a", dependsOn=["x"]))

    assert field_errors(create(api, definition=given)) == {
        "definition": [
            "steps.0.id: Another step has this id, too: a",
            "steps.1.id: Another step has this id, too: a",
            "steps.1.dependsOn: There is no step with the id x",
        ]
    }
    assert not Workflow.objects.exists()


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"agentProfile": "nobody"}, "steps.0.agentProfile: Profile not found: nobody"),
        ({"assignedAgent": "abacus"}, "steps.0.assignedAgent: Expected one of: claude"),
        ({"documentIds": ["x"]}, "steps.0.documentIds: Document not found: x"),
    ],
)
def test_what_a_step_refers_to_must_be_there(api, fields, place):
    (problem,) = field_errors(create(api, sequence(step("a", **fields))))["definition"]

    assert problem.startswith(place)


def test_a_project_that_is_not_there_is_refused(api):
    assert field_errors(create(api, projectId="x")) == {
        "projectId": ["Project not found"]
    }


def test_a_source_task_that_is_not_there_is_refused(api):
    given = {**sequence(step("a")), "sourceTaskId": NOWHERE[1]}

    assert field_errors(create(api, given)) == {
        "definition": ["sourceTaskId: Task not found"]
    }


def test_an_edit_makes_it_a_draft_again_and_its_runs_stay_readable(api):
    run = begin(step("a"))
    end(run, "a", result="first")
    path = f"/api/workflows/{run.workflow_id}"
    answer = api.patch(path, {"definition": sequence(step("b")), "name": "New"})

    assert answer.status_code == 200
    assert answer.json()["status"] == "draft"
    now = status(api, run.workflow_id)
    assert [(one["id"], one["status"]) for one in now["steps"]] == [("b", "pending")]
    before = status(api, run.workflow_id, "?runNumber=1")
    assert [(one["id"], one["result"]) for one in before["steps"]] == [("a", "first")]
    assert api.get(f"{path}/status?runNumber=2").status_code == 404


@pytest.mark.parametrize("state", ["active", "paused"])
def test_one_in_hand_is_not_edited(api, state):
    workflow = WorkflowFactory(status=state)
    answer = api.patch(f"/api/workflows/{workflow.pk}", {"name": "New"})

    assert answer.status_code == 409
    assert answer.json()["status"] == state


@pytest.mark.parametrize(
    "body",
    [{}, {"status": "active"}, {"status": "draft"}, {"status": "paused", "name": "x"}],
)
def test_what_a_change_cannot_be(api, body):
    run = begin(step("a"))

    assert api.patch(f"/api/workflows/{run.workflow_id}", body).status_code == 400


def test_it_is_paused_by_a_change_and_only_while_it_is_active(api):
    run = begin(step("a"))
    path = f"/api/workflows/{run.workflow_id}"

    answer = api.patch(path, {"status": "paused"})
    assert answer.json() == {"id": str(run.workflow_id), "status": "paused"}
    assert api.patch(path, {"status": "paused"}).status_code == 409


def test_a_deleted_workflow_leaves_what_it_spent_and_takes_its_bindings(api):
    run = begin(step("a"))
    WorkflowDocument.objects.create(workflow=run.workflow, document=DocumentFactory())
    task = task_of(run, "a")
    LedgerEntryFactory(task_id=task.pk)
    path = f"/api/workflows/{run.workflow_id}"
    assert api.delete(path).status_code == 409
    end(run, "a")

    assert api.delete(path).json() == {"deleted": True}
    assert LedgerEntry.objects.filter(task_id=task.pk).exists()
    assert not WorkflowDocument.objects.exists()
    assert Task.objects.filter(pk=task.pk).exists()
    assert api.get(path).status_code == 404


@pytest.mark.parametrize("workflow_id", NOWHERE)
@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("get", ""),
        ("delete", ""),
        ("post", "/execute"),
        ("post", "/resume"),
        ("post", "/stop"),
        ("get", "/status"),
        ("get", "/target"),
        ("get", "/documents"),
        ("delete", "/documents"),
        ("post", "/steps/a/retry"),
    ],
)
def test_one_that_is_not_there_is_404(api, method, rest, workflow_id):
    answer = getattr(api, method)(f"/api/workflows/{workflow_id}{rest}")

    assert answer.status_code == 404
    assert answer.json()["error"]
