"""What a request needs beyond the right of its route, for what it says or what it touches."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.models import PermissionRequest, PermissionRule, Project, Task
from tests.factories import (
    DocumentFactory,
    PermissionRequestFactory,
    PermissionRuleFactory,
    ProjectFactory,
    ScheduleFactory,
    SuperuserFactory,
    TaskFactory,
    UserFactory,
    WorkflowFactory,
)
from tests.tasks.access.rights.logins import (
    LOGINS,
    answer_to,
    member,
    user_with,
    with_token,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("login", LOGINS)
def test_who_is_known_may_read_the_schema_and_ask_for_options(login):
    client = login(UserFactory())
    assert client.get("/api/schema").status_code == 200
    assert client.options("/api/tasks").status_code == 200
    assert client.put("/api/tasks", {}).status_code == 405
    assert client.head("/api/tasks").status_code == 403


@pytest.mark.parametrize("login", LOGINS)
def test_nothing_is_changed_without_the_right(login):
    task, rule = TaskFactory(status="queued"), PermissionRuleFactory()
    asked = PermissionRequestFactory(run__task=task)
    client = login(member("Viewer", is_staff=True))
    answers = [
        client.post("/api/tasks", {"title": "x"}),
        client.delete(f"/api/tasks/{task.pk}"),
        client.post(f"/api/tasks/{task.pk}/cancel"),
        client.post(f"/api/tasks/{task.pk}/respond", answer_to(asked)),
        client.post("/api/permissions", {"pattern": "write:/**", "effect": "allow"}),
        client.delete(f"/api/permissions/{rule.pk}"),
        client.post(
            "/api/budgets", {"scope": "overall", "period": "daily", "limitUsd": 1}
        ),
    ]
    assert {answer.status_code for answer in answers} == {403}
    task.refresh_from_db()
    asked.refresh_from_db()
    assert (task.status, asked.status) == ("queued", "pending")
    assert Task.objects.count() == 1
    assert PermissionRule.objects.get() == rule


@pytest.mark.parametrize("login", LOGINS)
def test_who_may_not_add_tasks_may_have_no_schedule_add_them(login):
    schedule, document = ScheduleFactory(), DocumentFactory()
    body = {"name": "x", "prompt": "x", "interval": "daily"}
    rights = ["tasks.add_schedule", "tasks.change_schedule"]

    def statuses(*more, **fields):
        client = login(user_with(*rights, *more))
        path = f"/api/schedules/{schedule.pk}"
        return [
            client.post("/api/schedules", {**body, **fields}).status_code,
            client.patch(path, {"name": "y", **fields}).status_code,
            client.post(f"{path}/execute?force=true").status_code,
        ]

    assert statuses() == [403, 403, 403]
    assert not Task.objects.exists()
    assert statuses("tasks.add_task") == [201, 200, 200]
    given = {"documentIds": [document.pk]}
    assert statuses("tasks.add_task", **given) == [403, 403, 200]
    may_see = ("tasks.add_task", "tasks.view_document")
    assert statuses(*may_see, **given) == [201, 200, 200]


@pytest.mark.parametrize("login", LOGINS)
def test_who_may_not_run_workflows_may_have_no_schedule_run_them(login):
    schedule = ScheduleFactory(workflow=WorkflowFactory())
    body = {"name": "x", "interval": "daily", "workflowId": str(schedule.workflow_id)}
    rights = ["tasks.add_schedule", "tasks.change_schedule", "tasks.add_task"]

    def statuses(*more):
        client = login(user_with(*rights, *more))
        path = f"/api/schedules/{schedule.pk}"
        return [
            client.post("/api/schedules", body).status_code,
            client.patch(path, {"name": "y"}).status_code,
            client.post(f"{path}/execute").status_code,
        ]

    assert statuses() == [403, 403, 403]
    assert statuses("tasks.change_workflow") == [201, 200, 200]


@pytest.mark.parametrize("login", LOGINS)
def test_saving_a_rule_with_an_answer_needs_the_right_to_make_rules(login):
    asked = PermissionRequestFactory()
    path = f"/api/tasks/{asked.task_id}/respond"
    refused = login(member("Operator")).post(path, answer_to(asked, alwaysAllow=True))
    assert refused.status_code == 403
    assert "tasks.add_permissionrule" in refused.json()["error"]
    assert PermissionRequest.objects.get().status == "pending"
    assert not PermissionRule.objects.exists()
    client = login(user_with(*DECIDE, "tasks.add_permissionrule"))
    assert client.post(path, answer_to(asked, alwaysAllow=True)).status_code == 200
    assert PermissionRule.objects.get().pattern == asked.action


DECIDE = ["tasks.change_permissionrequest"]


def test_a_denial_makes_no_rule_and_needs_no_right_to_make_one():
    asked = PermissionRequestFactory()
    body = answer_to(asked, "deny", alwaysAllow=True)
    client = with_token(user_with(*DECIDE))
    answer = client.post(f"/api/tasks/{asked.task_id}/respond", body)
    assert answer.status_code == 200


def test_an_agent_is_given_no_document_that_its_author_may_not_see():
    document, task = DocumentFactory(), TaskFactory()
    body = {"title": "x", "documentIds": [document.pk]}
    client = with_token(user_with("tasks.add_task", "tasks.change_task"))
    refused = client.post("/api/tasks", body)
    assert refused.status_code == 403
    assert "tasks.view_document" in refused.json()["error"]
    assert client.patch(f"/api/tasks/{task.pk}", body).status_code == 403
    assert client.post("/api/tasks", {**body, "documentIds": []}).status_code == 201
    assert with_token(member("Operator")).post("/api/tasks", body).status_code == 201


def test_a_project_with_rules_is_deleted_by_who_may_delete_rules():
    project = ProjectFactory()
    PermissionRuleFactory(project=project, effect="deny")
    path = f"/api/projects/{project.pk}"
    assert with_token(member("Operator")).delete(path).status_code == 403
    assert PermissionRule.objects.count() == Project.objects.count() == 1
    assert with_token(member("Administrator")).delete(path).status_code == 200


def test_a_right_that_is_taken_away_is_gone_with_the_next_request():
    user = member("Viewer")
    client = with_token(user)
    assert client.get("/api/tasks").status_code == 200
    user.groups.clear()
    assert client.get("/api/tasks").status_code == 403


@pytest.mark.parametrize("user", [member, lambda _: SuperuserFactory()])
def test_a_token_costs_a_statement_and_the_rights_of_its_user_one_more(user):
    client = with_token(user("Operator"))
    task = TaskFactory()
    client.get("/api/runtimes")
    is_member = user is member
    for number in (1, 2):  # also with rights of both kinds
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/api/tasks/{task.pk}").status_code == 200
        assert len(queries) == (3 if is_member else 2), number
        User.objects.first().user_permissions.set(Permission.objects.all())
