"""The OpenAPI description says what is answered, to the last key."""

import json
import re

import pytest
from drf_spectacular.checks import schema_check
from jsonschema import Draft202012Validator, FormatChecker

from agents.worker.assignments import copy_files, prepare_run
from tasks.access.authentication import forget_open
from tasks.api.openapi import OPERATIONS
from tasks.api.urls import urlpatterns
from tasks.files.folders import locate_workspace
from tasks.files.removal import prune_files
from tasks.models import ApiToken, Run
from tasks.workflows.advance import sweep
from tests.factories import (
    DocumentFactory,
    LogEntryFactory,
    PermissionRequestFactory,
    ProjectFactory,
    RunFactory,
    TaskFactory,
    UserFactory,
    WorkflowFactory,
)
from tests.ledger.factories import (
    BudgetFactory,
    LedgerEntryFactory,
    UnknownUsageFactory,
)
from tests.tasks.api.test_questions import asked
from tests.tasks.schedules.due import HOUR, NOON, end, fire
from tests.tasks.schedules.test_heartbeat import QUIET, due_heartbeat

NOWHERE = "7f9c1c1e-3a52-4b0a-9d86-0d8d2f1f6f10"
formats = FormatChecker(["uuid"])
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
formats.checks("date-time")(
    lambda value: value is None or bool(TIME.fullmatch(value)),
)


@pytest.fixture
def description(api):
    found = api.get("/api/schema").json()
    for component in found["components"]["schemas"].values():
        if "properties" in component:
            component["additionalProperties"] = False
    return found


@pytest.fixture
def check(api, description):
    """Send a request, and hold its answer against what its route describes."""

    def send(method, path, body=None, *, status=200, **options):
        answer = getattr(api, method)(path, body, **options)
        assert answer.status_code == status, answer.content
        described = responses_of(description, method, path)[str(status)]
        schema = described["content"]["application/json"]["schema"]
        value = json.loads(answer.getvalue())
        validator(description, schema).validate(value)
        return value

    return send


def validator(description, schema):
    whole = {**schema, "components": description["components"]}
    return Draft202012Validator(whole, format_checker=formats)


def responses_of(description, method, path):
    path = path.partition("?")[0]
    # What has no parameter goes before what has: /parse is no id.
    routes = description["paths"].items()
    for route, operations in sorted(routes, key=lambda item: "{" in item[0]):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path):
            return operations[method]["responses"]
    raise AssertionError(f"{path} is not described.")


def test_it_is_valid_openapi(description):
    assert description["openapi"] == "3.1.0"
    for schema in description["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def operations_of(description):
    for route, operations in description["paths"].items():
        for method, operation in operations.items():
            yield f"{method.upper()} {route}", operation


def test_operations_are_named_summed_up_and_tagged(description):
    operations = dict(operations_of(description))
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    assert {"executeTask", "getTask", "streamTaskLogs", "uploadDocument"} <= set(names)
    tags = {tag["name"] for tag in description["tags"] if tag["description"]}
    for where, operation in operations.items():
        assert re.fullmatch("[a-z]+([A-Z][a-z]+)+", operation["operationId"]), where
        assert re.fullmatch(r"[A-Z].{5,110}[^.\s]", operation["summary"]), where
        assert operation["tags"][0] in tags, where
    assert set(OPERATIONS) == set(operations)


def test_what_is_for_colleagues_is_not_told(description):
    text = json.dumps(description)
    for leak in ("z.object", "sync view", "REST framework", "Found by being"):
        assert leak not in text
    for schema in description["components"]["schemas"].values():
        assert not schema.get("description", "").startswith("*")


def test_no_field_has_a_default_for_generators_would_require_it(description):
    for schema in description["components"]["schemas"].values():
        for field in schema.get("properties", {}).values():
            assert "default" not in field
    new = description["components"]["schemas"]["CreateTask"]
    assert new["required"] == ["title"]
    assert new["properties"]["documentIds"]["maxItems"] == 500


def test_every_body_has_an_example_that_is_right(description):
    schemas = description["components"]["schemas"]
    for name, schema in schemas.items():
        for example in schema.get("examples", ()):
            validator(description, schema).validate(example)
        is_shown = name not in PARTS and "properties" in schema
        assert not is_shown or schema.get("examples"), name


def test_requests_and_answers_show_their_examples(description):
    tasks = description["paths"]["/api/tasks"]
    sent = tasks["post"]["requestBody"]["content"]["application/json"]
    assert sent["example"]["title"] == "Summarize meeting notes"
    listed = tasks["get"]["responses"]["200"]["content"]["application/json"]
    validator(description, listed["schema"]).validate(listed["example"])


# They are a part of others, and are shown there.
PARTS = {
    *("Ancestor", "Flattened", "UsageGroup", "ModelOverride", "ToolPolicy"),
    *("SpendCap", "SpendPolicy", "SpendStatus"),
    *("ProvenanceDocument", "ProvenanceSource"),
    *("ProvenanceRun", "ProvenancePermission"),
    *("WorkflowDefinition", "WorkflowStep", "LoopConfig", "SwarmConfig"),
    *("WorkflowState", "StepStatus", "StepState", "LoopState", "Iteration"),
    *("FileCounts", "PastRun", "StepDocument", "StepTarget"),
    *("AssistStep", "AssistLoopConfig", "AssistSwarmConfig"),
}


def test_it_names_the_server_and_who_needs_no_login(api, description, settings):
    assert description["servers"] == [{"url": "http://localhost:3000"}]
    login = [{"bearer": []}, {"cookieAuth": []}]
    assert description["security"] == [*login, {}]
    settings.STAGENT_REQUIRE_AUTH = True
    forget_open()
    operator = UserFactory(is_staff=True, is_superuser=True)
    _, token = ApiToken.objects.issue(user=operator, name="test")
    found = api.get("/api/schema", headers={"Authorization": f"Bearer {token}"}).json()
    assert found["security"] == login
    assert not any("security" in one for _, one in operations_of(found))


def test_when_to_come_again_is_told(description):
    for where, operation in operations_of(description):
        responses = operation["responses"]
        assert "Retry-After" in responses["503"]["headers"], where
        if "429" in responses:
            assert "Retry-After" in responses["429"]["headers"], where
    execute = description["paths"]["/api/tasks/{task_id}/execute"]["post"]
    assert "429" in execute["responses"]


def test_every_operation_says_what_it_answers(description):
    for route, operations in description["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            assert {"401", "403"} < responses.keys(), (method, route)
            assert ("404" in responses) == ("{" in route), (method, route)
            for status, response in responses.items():
                for media_type, content in response.get("content", {}).items():
                    told = {"$ref", "items", "format"}
                    if media_type == "text/plain":
                        told = {"type"}
                    assert content["schema"].keys() & told, (method, route, status)


def test_every_route_is_described(description):
    routes = {
        "/api/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        for pattern in urlpatterns
    }
    assert routes == description["paths"].keys()


def test_a_new_task_and_its_changes(check):
    task = check("post", "/api/tasks", {"title": "x"}, status=201)
    path = f"/api/tasks/{task['id']}"
    check("get", path)
    check("patch", path, {"status": "queued", "maxBudgetUsd": 1.5, "maxTurns": 3})
    check("get", "/api/tasks")
    check("get", "/api/tasks?limit=1")
    check("get", f"{path}/output")
    check("post", f"{path}/execute", status=202)
    check("post", f"{path}/cancel")
    check("post", f"{path}/resume", status=400)
    check("delete", path)


@pytest.fixture
def lived():
    """A task with all that a task can have, whose agent waits."""
    task = TaskFactory(
        project=ProjectFactory(),
        workflow=WorkflowFactory(),
        workflow_run=NOWHERE,
        status="running",
        description="x",
        assigned_agent="ollama",
        agent_profile="general",
        result="# Report",
    )
    TaskFactory(workflow_run=NOWHERE)
    task.documents.add(DocumentFactory())
    task.files_from.add(TaskFactory())
    RunFactory(task=task, status=Run.Status.FAILED, error="x")
    run = RunFactory(task=task, status=Run.Status.RUNNING)
    LedgerEntryFactory(task_id=task.pk, run_id=run.pk)
    LedgerEntryFactory(task_id=task.pk, run_id=run.pk, usage=UnknownUsageFactory())
    PermissionRequestFactory(run=run)
    LogEntryFactory(task=task, event_type="status", data={"status": "running"})
    return task


def test_a_task_with_a_long_life(check, lived):
    path = f"/api/tasks/{lived.pk}"
    task = check("get", path)
    assert task["usage"]["unpricedRequests"] == 1
    assert task["waitingFor"]
    check("post", f"{path}/messages", {"text": "The other file!"}, status=201)
    for part in ("output", "provenance", "siblings", "messages"):
        assert check("get", f"{path}/{part}")
    (asked,) = check("get", "/api/notifications")
    check("get", f"/api/notifications/{asked['id']}")
    answer = {"notificationId": asked["id"], "behavior": "deny", "message": "no"}
    check("post", f"{path}/respond", answer)
    check("post", f"{path}/respond", answer, status=409)
    check("get", f"/api/notifications/{asked['id']}")


def test_a_question_and_its_answer(check):
    question = asked()
    path = f"/api/tasks/{question.task_id}"
    check("get", "/api/notifications?type=question")
    answers = {"updatedInput": {"answers": {"Which database?": "SQLite"}}}
    body = {"notificationId": question.pk, "behavior": "allow", **answers}
    check("post", f"{path}/respond", body)
    assert check("get", f"/api/notifications/{question.pk}")["answers"]


def test_a_task_whose_every_price_is_unknown(check):
    run = RunFactory()
    LedgerEntryFactory(task_id=run.task_id, run_id=run.pk, usage=UnknownUsageFactory())
    assert check("get", f"/api/tasks/{run.task_id}")["usage"]["costMicros"] is None
    check("get", f"/api/tasks/{run.task_id}/provenance")
    check("get", f"/api/usage?taskId={run.task_id}")


def test_the_files_of_a_task(check, description):
    run = RunFactory()
    folder = locate_workspace(run.task_id)
    (folder / "a.txt").write_text("a")
    (folder / "link").symlink_to("a.txt")
    copy_files(prepare_run(run))
    (folder / "a.txt").unlink()
    (folder / "b.txt").write_text("b")
    path = f"/api/tasks/{run.task_id}"
    assert len(check("get", f"{path}/files")["files"]) == 3
    check("get", f"{path}/files?state=old", status=400)
    check("get", f"{path}/files/none", status=404)
    prune_files(run.task_id)
    for route in ("files", "files/b.txt", "files.zip", "diff"):
        check("get", f"{path}/{route}", status=410)


def test_log_entries(description, lived):
    stream = responses_of(description, "get", f"/api/tasks/{lived.pk}/logs")["200"]
    schema = stream["content"]["text/event-stream"]["schema"]
    for entry in lived.log.all():
        validator(description, schema).validate(json.loads(entry.as_json()))


def test_projects_and_documents(check, tmp_path):
    project = check("post", "/api/projects", {"name": "x"}, status=201)
    path = f"/api/projects/{project['id']}"
    check("patch", path, {"description": "y"})
    check("get", path)
    check("get", "/api/projects")
    file = tmp_path / "a.txt"
    file.write_text("x")
    with file.open("rb") as content:
        form = {"file": content, "projectId": project["id"]}
        document = check("post", "/api/documents", form, status=201, format="multipart")
    check("get", "/api/documents")
    check("get", f"/api/documents/{document['id']}")
    check("patch", f"/api/documents/{document['id']}", {"category": "x"})
    check("get", f"/api/documents/{document['id']}/versions")
    check("put", f"{path}/documents", {"documentIds": [document["id"]]})
    check("get", f"{path}/documents")
    check("delete", f"/api/documents/{document['id']}")
    check("delete", path)


def test_permission_rules(check):
    body = {"pattern": "write:/reports/*", "effect": "allow"}
    rule = check("post", "/api/permissions", body, status=201)
    check("get", f"/api/permissions/{rule['id']}")
    check("get", "/api/permissions")
    check("post", "/api/permissions", {**body, "pattern": "run"}, status=400)
    check("delete", f"/api/permissions/{rule['id']}")


def test_the_catalog_and_money(check):
    assert check("get", "/api/runtimes")
    for profile in check("get", "/api/profiles"):
        check("get", f"/api/profiles/{profile['id']}")
    body = {"scope": "overall", "period": "daily", "limitUsd": 1.5}
    budget = check("post", "/api/budgets", body, status=201)
    path = f"/api/budgets/{budget['id']}"
    check("patch", path, {"isActive": False})
    check("get", path)
    BudgetFactory(scope="runtime", scope_id="ollama")
    check("post", "/api/settings/budgets", {"monthlyLimit": 5})
    check("get", "/api/settings/budgets")
    assert len(check("get", "/api/budgets")) == 3
    check("get", "/api/usage")
    check("get", "/api/usage?groupBy=day,model,project,runtime,profile,createdBy,task")
    check("delete", path)


def test_schedules(check):
    body = {"name": "x", "prompt": "x", "interval": "daily"}
    schedule = check("post", "/api/schedules", body, status=201)
    path = f"/api/schedules/{schedule['id']}"
    check("post", "/api/schedules/parse", {"expression": "2h"})
    check("post", "/api/schedules/parse", {"expression": "?"}, status=400)
    check("post", f"{path}/execute")
    check("post", f"{path}/execute", status=409)
    check("get", path)
    check("get", "/api/schedules")
    check("get", "/api/schedules?limit=1")
    check("patch", path, {"status": "paused"})
    check("patch", path, {"status": "paused"}, status=409)
    check("get", f"{path}/heartbeat-history", status=400)
    check("delete", path)


def test_heartbeats(check):
    quiet = due_heartbeat()
    end(fire(quiet), result=QUIET)
    end(fire(quiet, NOON + HOUR), result="nothing to read")
    check("get", f"/api/schedules/{quiet.pk}")
    assert check("get", f"/api/schedules/{quiet.pk}/heartbeat-history")["history"]


def test_workflows(check, api):
    body = {
        "name": "W",
        "definition": {
            "pattern": "loop",
            "loopConfig": {"maxIterations": 2},
            "steps": [{"id": "a", "name": "A", "prompt": "finish: a"}],
        },
    }
    created = check("post", "/api/workflows", body, status=201)
    path = f"/api/workflows/{created['id']}"
    proposed = {**body, "executeImmediately": True}
    check("post", "/api/workflows/from-assist", proposed, status=201)
    check("get", path)
    check("get", "/api/workflows")
    check("get", f"{path}/status")
    check("get", f"{path}/target")
    documents = {"documentIds": [DocumentFactory().pk], "stepId": "a"}
    check("post", f"{path}/documents", documents, status=201)
    check("get", f"{path}/documents")
    check("patch", path, {"name": "V"})
    check("post", f"{path}/resume", status=409)
    check("post", f"{path}/execute", status=202)
    sweep()
    check("get", f"{path}/status")
    check("patch", path, {"name": "U"}, status=409)
    check("patch", path, {"status": "paused"})
    check("post", f"{path}/resume", status=202)
    check("post", f"{path}/stop", status=202)
    sweep()
    sweep()
    check("post", f"{path}/steps/a/retry", status=202)
    check("post", f"{path}/stop", status=202)
    check("delete", f"{path}/documents")
    check("delete", path)


def test_errors(check, settings):
    check("post", "/api/tasks", {"title": ""}, status=400)
    check("post", "/api/tasks", [], status=400)
    check("post", "/api/tasks", "x", status=415, content_type="text/plain")
    check("get", "/api/tasks?limit=0", status=400)
    check("get", f"/api/tasks/{NOWHERE}", status=404)
    planned = TaskFactory()
    check("post", f"/api/tasks/{planned.pk}/execute", status=400)
    check("patch", f"/api/tasks/{planned.pk}", {"status": "failed"}, status=400)
    BudgetFactory(limit_microdollars=0)
    queued = TaskFactory(status="queued")
    check("post", f"/api/tasks/{queued.pk}/execute", status=429)
    settings.STAGENT_REQUIRE_AUTH = True
    forget_open()
    check("get", "/api/tasks", status=401)


def test_the_check_of_a_deployment_has_nothing_to_say_of_it():
    assert schema_check(None) == []


def test_one_status_is_described_as_the_contract_has_it(description):
    """Clients that are generated anew compile with the code that used them before."""
    parameters = description["paths"]["/api/tasks"]["get"]["parameters"]
    (status,) = [one for one in parameters if one["name"] == "status"]
    assert status["schema"]["type"] == "string"
    assert "completed" in status["schema"]["enum"]
    assert status["schema"]["maxLength"] >= len(",".join(status["schema"]["enum"]))
    assert "several" in status["description"]
