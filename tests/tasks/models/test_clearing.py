"""What is set can be cleared, and a task can change its project."""

import pytest
from django.urls import reverse

from tasks.models import PermissionRule, Task
from tests.factories import DocumentFactory, ProjectFactory, TaskFactory
from tests.tasks.admin.test_task_page import FORM

pytestmark = pytest.mark.django_db


def change(api, task, **body):
    answer = api.patch(f"/api/tasks/{task.pk}", body)
    task.refresh_from_db()
    return answer


# --- Null clears the fields that are ours ------------------------------------------------


def test_null_clears_a_tasks_limits(api):
    task = TaskFactory(max_turns=3, max_budget_microdollars=5)
    shown = change(api, task, maxTurns=None, maxBudgetUsd=None).json()
    assert (shown["maxTurns"], shown["maxBudgetUsd"]) == (None, None)
    assert (task.max_turns, task.max_budget_microdollars) == (None, None)


def test_a_new_task_may_have_null_limits(api):
    body = {"title": "x", "maxTurns": None, "maxBudgetUsd": None}
    assert api.post("/api/tasks", body).status_code == 201
    task = Task.objects.get()
    assert (task.max_turns, task.max_budget_microdollars) == (None, None)


def test_null_takes_a_task_out_of_its_project(api):
    task = TaskFactory(project=ProjectFactory())
    assert change(api, task, projectId=None).json()["projectId"] is None
    assert task.project is None


def test_null_clears_what_belongs_to_projects_and_rules(api):
    body = {"name": "x", "description": None}
    project = api.post("/api/projects", body).json()
    path = f"/api/projects/{project['id']}"
    assert api.patch(path, {"description": "y"}).json()["description"] == "y"
    assert api.patch(path, {"description": None}).json()["description"] is None
    nothing = {"taskId": None, "projectId": None, "expiresAt": None}
    rule = {"pattern": "write:/a", "effect": "allow", **nothing}
    assert api.post("/api/permissions", rule).json()["scope"] == "everywhere"
    assert PermissionRule.objects.get(pattern="write:/a").expires_at is None
    budget = {"scope": "overall", "scopeId": None, "period": "daily", "limitUsd": 1}
    assert api.post("/api/budgets", budget).json()["scopeId"] is None


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("title", "string"),
        ("description", "string"),
        ("priority", "number"),
        ("agentProfile", "string"),
        ("result", "string"),
        ("documentIds", "array"),
    ],
)
def test_the_contracts_own_keep_zods_answer_to_null(api, field, expected):
    answer = change(api, TaskFactory(), **{field: None})
    assert answer.status_code == 400
    message = f"Expected {expected}, received null"
    assert answer.json()["error"]["fieldErrors"] == {field: [message]}


def test_the_admin_clears_the_contracts_own(admin_client):
    task = TaskFactory(
        description="x",
        project=ProjectFactory(),
        assigned_agent="ollama",
        agent_profile="general",
        max_turns=3,
        max_budget_microdollars=5,
    )
    task.documents.add(DocumentFactory())
    url = reverse("admin:tasks_task_change", args=[task.pk])
    assert admin_client.post(url, {**FORM, "description": ""}).status_code == 302
    task.refresh_from_db()
    assert (task.description, task.project) == ("", None)
    assert (task.assigned_agent, task.agent_profile) == ("", "")
    assert (task.max_turns, task.max_budget_microdollars) == (None, None)
    assert not task.documents.exists()


# --- Another project ----------------------------------------------------------------------


def test_a_tasks_project_can_be_changed(api):
    task, project = TaskFactory(project=ProjectFactory()), ProjectFactory()
    shown = change(api, task, projectId=project.pk).json()
    assert (shown["projectId"], shown["projectName"]) == (project.pk, project.name)
    assert task.project == project


@pytest.mark.parametrize("project_id", ["none", "", "x" * 5_000])
def test_to_one_that_is_there(api, project_id):
    task = TaskFactory(project=ProjectFactory())
    answer = change(api, task, projectId=project_id, title="other")
    assert answer.status_code == 400
    assert answer.json()["error"]["fieldErrors"] == {"projectId": ["Project not found"]}
    assert task.title != "other"


@pytest.mark.parametrize("more", [{}, {"status": "completed"}, {"title": "other"}])
def test_not_while_it_runs_for_its_costs_are_the_projects(api, more):
    task, project = TaskFactory(status="running"), ProjectFactory()
    answer = change(api, task, projectId=project.pk, **more)
    assert answer.status_code == 400
    assert "The project of a running task cannot be changed" in answer.json()["error"]
    assert (task.project, task.status) == (None, "running")


def test_a_running_task_may_be_told_the_project_that_it_has(api):
    task = TaskFactory(status="running", project=ProjectFactory())
    answer = change(api, task, projectId=task.project_id, title="other")
    assert (answer.status_code, task.title) == (200, "other")


def test_a_task_that_starts_meanwhile_keeps_its_project(api, monkeypatch):
    task, project = TaskFactory(), ProjectFactory()

    def start_first(data):
        Task.objects.update(status=Task.Status.RUNNING)

    monkeypatch.setattr("tasks.api.views.tasks.check_references", start_first)
    answer = change(api, task, projectId=project.pk)
    assert answer.status_code == 400
    assert "running" in answer.json()["error"]
    assert task.project is None


def test_nor_does_the_admin_move_a_running_task(admin_client):
    task, project = TaskFactory(status="running"), ProjectFactory()
    url = reverse("admin:tasks_task_change", args=[task.pk])
    answer = admin_client.post(url, {**FORM, "project": project.pk})
    assert "The project of a running task cannot be changed." in answer.content.decode()
    task.refresh_from_db()
    assert task.project is None
