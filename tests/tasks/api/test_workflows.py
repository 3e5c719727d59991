"""/api/workflows, as its documentation says and as no known defect of another server has it."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.models import Budget, LedgerEntry
from tasks.models import (
    PermissionRequest,
    Task,
    Workflow,
    WorkflowDocument,
    WorkflowRun,
)
from tasks.workflows.advance import sweep
from tests.factories import (
    DocumentFactory,
    ProjectFactory,
    TaskFactory,
    WorkflowFactory,
)
from tests.ledger.factories import LedgerEntryFactory
from tests.tasks.workflows.running import begin, end, step, task_of

pytestmark = pytest.mark.django_db

NOWHERE = ["x", "7f9c1c1e-3a52-4b0a-9d86-0d8d2f1f6f10", "{}", "%00"]


def sequence(*steps):
    return {"pattern": "sequence", "steps": list(steps)}


def create(api, definition=None, **fields):
    body = {"name": "W", "definition": definition or sequence(step("a")), **fields}
    return api.post("/api/workflows", body)


def field_errors(answer):
    assert answer.status_code == 400, answer.content
    return answer.json()["error"]["fieldErrors"]


def status(api, workflow_id, query=""):
    return api.get(f"/api/workflows/{workflow_id}/status{query}").json()


def statements(send):
    """Count the statements of a request, without the look for tokens once a second."""
    with CaptureQueriesContext(connection) as queries:
        send()
    return len([one for one in queries if "tasks_apitoken" not in one["sql"]])


# --- Create, read, change, delete ----------------------------------------------------------


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


# --- Execute and follow ------------------------------------------------------------------------


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


# --- Retry -----------------------------------------------------------------------------------------


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


# --- Approvals ---------------------------------------------------------------------------------------


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


# --- Documents ---------------------------------------------------------------------------------------


def test_documents_are_attached_once_listed_and_detached(api):
    workflow_id = create(api).json()["id"]
    path = f"/api/workflows/{workflow_id}/documents"
    one, two = DocumentFactory().pk, DocumentFactory().pk
    answer = api.post(path, {"documentIds": [one, one, two]})
    assert answer.status_code == 201
    assert answer.json() == {"attached": 2, "workflowId": workflow_id, "stepId": None}
    assert api.post(path, {"documentIds": [one]}).json()["attached"] == 0
    api.post(path, {"documentIds": [one], "stepId": "a"})

    listed = api.get(path).json()
    assert [(row["documentId"], row["stepId"]) for row in listed] == [
        (one, None),
        (two, None),
        (one, "a"),
    ]
    assert listed[0]["document"]["originalName"] == "notes.txt"
    assert api.delete(path, {"documentIds": [one], "stepId": "a"}).json() == {
        "ok": True
    }
    assert len(api.get(path).json()) == 2
    api.delete(path)
    assert api.get(path).json() == []


def test_documents_that_cannot_be_attached(api):
    path = f"/api/workflows/{create(api).json()['id']}/documents"

    assert "documentIds" in field_errors(api.post(path, {"documentIds": []}))
    missing = api.post(path, {"documentIds": ["x"]})
    assert (missing.status_code, missing.json()["error"]) == (
        404,
        "Document not found: x",
    )
    body = {"documentIds": [DocumentFactory().pk], "stepId": "x"}
    assert "stepId" in field_errors(api.post(path, body))


def test_the_status_tells_each_tasks_documents_and_those_of_the_source(api):
    source, document = TaskFactory(), DocumentFactory()
    source.documents.add(document)
    run = begin(step("a"), more={"sourceTaskId": str(source.pk)})
    found = status(api, run.workflow_id)

    assert [one["id"] for one in found["parentDocuments"]] == [document.pk]
    own = found["stepDocuments"][str(task_of(run, "a").pk)]
    assert [one["id"] for one in own] == [document.pk]


# --- The dry run -----------------------------------------------------------------------------------------


def test_the_target_tells_what_each_step_would_get(api):
    given = sequence(step("a", budgetUsd=1.5, agentProfile="researcher"), step("b"))
    workflow_id = create(api, given).json()["id"]
    found = api.get(f"/api/workflows/{workflow_id}/target").json()

    assert found["isReady"]
    first, second = found["steps"]
    assert (first["runtime"], first["profile"]) == ("echo", "researcher")
    assert (first["budgetUsd"], second["budgetUsd"]) == (1.5, 5.0)
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("runtime", "variables", "model"),
    [
        ("openai-direct", {"OPENAI_API_KEY": "sk-x"}, "gpt-5.5"),
        ("openai-direct", {"OPENAI_API_KEY": "sk-x", "OPENAI_MODEL": "mine"}, "mine"),
        ("anthropic-direct", {"ANTHROPIC_API_KEY": "sk-x"}, "claude-sonnet-5-5"),
        ("ollama", {"OLLAMA_HOST": "127.0.0.1"}, "qwen3"),
    ],
)
def test_the_target_names_the_model_that_a_step_would_run_on(
    api, monkeypatch, runtime, variables, model
):
    for name in ("OPENAI_MODEL", "ANTHROPIC_MODEL", "OLLAMA_MODEL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    workflow_id = create(api, sequence(step("a", assignedAgent=runtime))).json()["id"]
    (found,) = api.get(f"/api/workflows/{workflow_id}/target").json()["steps"]
    assert (found["runtime"], found["model"]) == (runtime, model)


def test_the_target_tells_what_would_refuse_a_step_and_reserves_nothing(api):
    workflow_id = create(api).json()["id"]
    Budget.objects.create(scope="overall", period="daily", limit_microdollars=0)
    found = api.get(f"/api/workflows/{workflow_id}/target").json()

    assert not found["isReady"]
    assert "budget" in found["steps"][0]["refusal"].lower()


# --- Loops --------------------------------------------------------------------------------------------------


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


# --- From assist ----------------------------------------------------------------------------------------------


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
