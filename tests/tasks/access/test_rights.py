"""The whole matrix, who may do what: each route and method, by token and by session."""

import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver

from tasks.access import authentication, roles
from tasks.access.scopes import scopes_of
from tasks.models import ApiToken, PermissionRequest, PermissionRule, Project, Task
from tests.conftest import Client
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

pytestmark = pytest.mark.django_db

# The route, its method, the right that it needs, and the least role that has it.
MATRIX = [
    ("tasks", "GET", "tasks.view_task", "Viewer"),
    ("tasks", "POST", "tasks.add_task", "Operator"),
    ("task", "GET", "tasks.view_task", "Viewer"),
    ("task", "PATCH", "tasks.change_task", "Operator"),
    ("task", "DELETE", "tasks.delete_task", "Operator"),
    ("task-execute", "POST", "tasks.change_task", "Operator"),
    ("task-resume", "POST", "tasks.change_task", "Operator"),
    ("task-cancel", "POST", "tasks.change_task", "Operator"),
    ("task-messages", "GET", "tasks.view_task", "Viewer"),
    ("task-messages", "POST", "tasks.change_task", "Operator"),
    ("task-respond", "POST", "tasks.change_permissionrequest", "Operator"),
    ("task-output", "GET", "tasks.view_task", "Viewer"),
    ("task-logs", "GET", "tasks.view_task", "Viewer"),
    ("task-assist", "POST", "tasks.add_task", "Operator"),
    ("task-provenance", "GET", "tasks.view_task", "Viewer"),
    ("task-siblings", "GET", "tasks.view_task", "Viewer"),
    ("task-files", "GET", "tasks.view_task", "Viewer"),
    ("task-file", "GET", "tasks.view_task", "Viewer"),
    ("task-archive", "GET", "tasks.view_task", "Viewer"),
    ("task-diff", "GET", "tasks.view_task", "Viewer"),
    ("projects", "GET", "tasks.view_project", "Viewer"),
    ("projects", "POST", "tasks.add_project", "Operator"),
    ("project", "GET", "tasks.view_project", "Viewer"),
    ("project", "PATCH", "tasks.change_project", "Operator"),
    ("project", "DELETE", "tasks.delete_project", "Operator"),
    ("project-documents", "GET", "tasks.view_project", "Viewer"),
    ("project-documents", "PUT", "tasks.change_project", "Operator"),
    ("documents", "GET", "tasks.view_document", "Viewer"),
    ("documents", "POST", "tasks.add_document", "Operator"),
    ("document", "GET", "tasks.view_document", "Viewer"),
    ("document", "DELETE", "tasks.delete_document", "Operator"),
    ("document", "PATCH", "tasks.change_document", "Operator"),
    ("document-file", "GET", "tasks.view_document", "Viewer"),
    ("document-versions", "GET", "tasks.view_document", "Viewer"),
    ("document-content", "GET", "tasks.view_document", "Viewer"),
    ("webhooks", "GET", "tasks.view_webhook", "Administrator"),
    ("webhooks", "POST", "tasks.add_webhook", "Administrator"),
    ("webhook", "GET", "tasks.view_webhook", "Administrator"),
    ("webhook", "PATCH", "tasks.change_webhook", "Administrator"),
    ("webhook", "DELETE", "tasks.delete_webhook", "Administrator"),
    ("webhook-test", "POST", "tasks.change_webhook", "Administrator"),
    ("webhook-deliveries", "GET", "tasks.view_webhook", "Administrator"),
    ("webhook-delivery", "GET", "tasks.view_webhook", "Administrator"),
    ("webhook-redeliver", "POST", "tasks.change_webhook", "Administrator"),
    ("notification", "PATCH", "tasks.change_permissionrequest", "Operator"),
    (
        "notifications-mark-all-read",
        "PATCH",
        "tasks.change_permissionrequest",
        "Operator",
    ),
    ("events", "GET", "tasks.view_task", "Viewer"),
    ("notifications", "GET", "tasks.view_permissionrequest", "Viewer"),
    ("notification", "GET", "tasks.view_permissionrequest", "Viewer"),
    ("rules", "GET", "tasks.view_permissionrule", "Viewer"),
    ("rules", "POST", "tasks.add_permissionrule", "Administrator"),
    ("rule", "GET", "tasks.view_permissionrule", "Viewer"),
    ("rule", "DELETE", "tasks.delete_permissionrule", "Administrator"),
    ("workflows", "GET", "tasks.view_workflow", "Viewer"),
    ("workflows", "POST", "tasks.add_workflow", "Operator"),
    ("workflow-from-assist", "POST", "tasks.add_workflow", "Operator"),
    ("workflow", "GET", "tasks.view_workflow", "Viewer"),
    ("workflow", "PATCH", "tasks.change_workflow", "Operator"),
    ("workflow", "DELETE", "tasks.delete_workflow", "Operator"),
    ("workflow-execute", "POST", "tasks.change_workflow", "Operator"),
    ("workflow-resume", "POST", "tasks.change_workflow", "Operator"),
    ("workflow-stop", "POST", "tasks.change_workflow", "Operator"),
    ("workflow-step-retry", "POST", "tasks.change_workflow", "Operator"),
    ("workflow-status", "GET", "tasks.view_workflow", "Viewer"),
    ("workflow-target", "GET", "tasks.view_workflow", "Viewer"),
    ("workflow-documents", "GET", "tasks.view_workflow", "Viewer"),
    ("workflow-documents", "POST", "tasks.change_workflow", "Operator"),
    ("workflow-documents", "DELETE", "tasks.change_workflow", "Operator"),
    ("profiles", "GET", "tasks.view_task", "Viewer"),
    ("profile", "GET", "tasks.view_task", "Viewer"),
    ("profiles", "POST", "tasks.add_storedprofile", "Administrator"),
    ("profile", "PATCH", "tasks.change_storedprofile", "Administrator"),
    ("profile", "PUT", "tasks.change_storedprofile", "Administrator"),
    ("profile", "DELETE", "tasks.delete_storedprofile", "Administrator"),
    ("runtimes", "GET", "tasks.view_task", "Viewer"),
    ("budgets", "GET", "ledger.view_budget", "Viewer"),
    ("budgets", "POST", "ledger.add_budget", "Administrator"),
    ("budget", "GET", "ledger.view_budget", "Viewer"),
    ("budget", "PATCH", "ledger.change_budget", "Administrator"),
    ("budget", "DELETE", "ledger.delete_budget", "Administrator"),
    ("settings-budgets", "GET", "ledger.view_budget", "Viewer"),
    ("settings-budgets", "POST", "ledger.change_budget", "Administrator"),
    ("usage", "GET", "ledger.view_ledgerentry", "Viewer"),
    ("audit-entries", "GET", "tasks.view_auditentry", "Administrator"),
    ("schedules", "GET", "tasks.view_schedule", "Viewer"),
    ("schedules", "POST", "tasks.add_schedule", "Operator"),
    ("schedule", "GET", "tasks.view_schedule", "Viewer"),
    ("schedule", "PATCH", "tasks.change_schedule", "Operator"),
    ("schedule", "DELETE", "tasks.delete_schedule", "Operator"),
    ("schedule-parse", "POST", "tasks.view_schedule", "Viewer"),
    ("schedule-execute", "POST", "tasks.change_schedule", "Operator"),
    ("schedule-heartbeat-history", "GET", "tasks.view_schedule", "Viewer"),
]
# Who is known at all may read how the API is described.
FREE = {("schema", "GET"), ("api-docs", "GET"), ("api-docs-redoc", "GET")}
ROLES = ["Viewer", "Operator", "Administrator"]


def routes():
    """Yield each route of the API as the URLconf has it: its name, path and methods."""
    for path, pattern in _patterns(get_resolver(), ""):
        if path.startswith("api/"):
            actions = getattr(pattern.callback, "actions", None)
            methods = actions or pattern.callback.cls().allowed_methods
            yield pattern.name, path, {method.upper() for method in methods}


def _patterns(resolver, prefix):
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from _patterns(pattern, path)
        else:
            yield path, pattern


PATHS = {name: path for name, path, _ in routes()}


@pytest.fixture(autouse=True)
def closed(settings):
    settings.STAGENT_REQUIRE_AUTH = True
    roles.make_groups(apps)


@pytest.fixture
def send():
    """Send to a route an empty body, about things that are not there."""

    def request(client, route, method):
        path = re.sub(r"<\w+:(\w+)>", r"x\1", PATHS[route])
        return getattr(client, method.lower())(f"/{path}", {})

    return request


def with_token(user, scopes=""):
    _, text = ApiToken.objects.issue(name="ci", user=user, scopes=scopes)
    client = Client(HTTP_HOST="localhost:3000", HTTP_AUTHORIZATION=f"Bearer {text}")
    authentication.forget_open()
    return client


def with_session(user):
    client = Client(HTTP_HOST="localhost:3000")
    client.force_login(user)
    return client


def user_with(*rights, **fields):
    user = UserFactory(**fields)
    for right in rights:
        app, _, codename = right.partition(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return user


def member(role, **fields):
    user = UserFactory(**fields)
    user.groups.add(Group.objects.get(name=role))
    return user


LOGINS = [with_token, with_session]
EACH = pytest.mark.parametrize(("route", "method", "right", "least"), MATRIX)


def test_the_matrix_has_every_route_and_method_of_the_urlconf():
    there_are = {
        (name, method)
        for name, _, methods in routes()
        for method in methods - {"OPTIONS", "HEAD"}
    }
    assert there_are == {(route, method) for route, method, *_ in MATRIX} | FREE


@EACH
@pytest.mark.parametrize("login", LOGINS)
def test_a_route_needs_its_right_and_no_other(send, login, route, method, right, least):
    answer = send(login(user_with(right)), route, method)
    assert answer.status_code not in {401, 403}
    of_us = Permission.objects.filter(content_type__app_label__in=["tasks", "ledger"])
    app, _, codename = right.partition(".")
    # Who may change a thing may also look at it, in the admin as here.
    implied = [codename, codename.replace("view_", "change_")]
    user = UserFactory()
    user.user_permissions.set(
        of_us.exclude(content_type__app_label=app, codename__in=implied)
    )
    answer = send(login(user), route, method)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert right in error
    assert f"into the group {least}" in error
    assert "superuser" in error


@EACH
@pytest.mark.parametrize("login", LOGINS)
def test_each_role_reaches_its_routes(send, login, route, method, right, least):
    for role in ROLES:
        answer = send(login(member(role)), route, method)
        is_refused = ROLES.index(role) < ROLES.index(least)
        assert (answer.status_code == 403) is is_refused, role


@EACH
@pytest.mark.parametrize("login", LOGINS)
def test_a_staff_user_without_rights_gets_nowhere_and_a_superuser_everywhere(
    send, login, route, method, right, least
):
    staff, root = UserFactory(is_staff=True), SuperuserFactory()
    assert send(login(staff), route, method).status_code == 403
    assert send(login(root), route, method).status_code not in {401, 403}


@EACH
def test_where_it_is_open_nobody_needs_a_right(
    send, api, settings, route, method, right, least
):
    settings.STAGENT_REQUIRE_AUTH = False
    assert send(api, route, method).status_code not in {401, 403}


# --- Scopes of tokens ---------------------------------------------------------------------

# Of each route, the scope that its right is in; each may also read.
SCOPE_OF = {
    "Viewer": {"read", "run", "approve", "admin"},
    "Operator": {"run"},
    "Administrator": {"admin"},
}
APPROVED = {
    *{("task-respond", "POST"), ("rules", "POST"), ("rule", "DELETE")},
    *{("notification", "PATCH"), ("notifications-mark-all-read", "PATCH")},
}
OF_ADMINISTRATORS = {
    (route, method) for route, method, right, _ in MATRIX if "auditentry" in right
}


def scopes_for(route, method, least):
    if (route, method) in APPROVED:
        return {"approve"}
    return {"admin"} if (route, method) in OF_ADMINISTRATORS else SCOPE_OF[least]


@EACH
@pytest.mark.parametrize("scope", ["read", "run", "approve", "admin"])
def test_a_token_reaches_the_routes_of_its_scope(
    send, scope, route, method, right, least
):
    client = with_token(SuperuserFactory(), scopes=scope)
    answer = send(client, route, method)
    if scope in scopes_for(route, method, least):
        assert answer.status_code not in {401, 403}
    else:
        assert answer.status_code == 403
        (needed,) = scopes_for(route, method, least)
        assert f"needs the scope {needed}" in answer.json()["error"]


@EACH
def test_scopes_add_up_and_none_is_all(send, route, method, right, least):
    user = SuperuserFactory()
    for scopes in ("", "read run approve admin"):
        answer = send(with_token(user, scopes=scopes), route, method)
        assert answer.status_code not in {401, 403}


@EACH
def test_a_scope_gives_no_right_that_the_user_has_not(
    send, route, method, right, least
):
    for role in ROLES:
        client = with_token(member(role), scopes="read run approve admin")
        is_refused = ROLES.index(role) < ROLES.index(least)
        assert (send(client, route, method).status_code == 403) is is_refused


def test_a_token_that_answers_makes_no_rule_without_the_right_and_runs_nothing():
    asked = PermissionRequestFactory()
    client = with_token(member("Operator"), scopes="approve")
    path = f"/api/tasks/{asked.task_id}/respond"
    assert client.post(path, answer_to(asked, alwaysAllow=True)).status_code == 403
    assert client.post(path, answer_to(asked)).status_code == 200
    assert client.post("/api/tasks", {"title": "x"}).status_code == 403
    # Documents are given to an agent by who may look at them.
    body = {"title": "x", "documentIds": [DocumentFactory().pk]}
    running = with_token(member("Operator"), scopes="run")
    assert running.post("/api/tasks", body).status_code == 201


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        ("Viewer", ["read"]),
        ("Operator", ["read", "run", "approve"]),
        ("Administrator", ["read", "run", "approve", "admin"]),
    ],
)
def test_the_roles_of_people_are_the_same_scopes(role, scopes):
    assert scopes_of(member(role)) == scopes
    assert scopes_of(UserFactory()) == []
    assert len(scopes_of(SuperuserFactory())) == 4


def test_a_token_tells_how_it_begins_and_when_it_was_used():
    user = member("Viewer")
    token, text = ApiToken.objects.issue(name="ci", user=user)
    assert text.startswith(token.prefix)
    assert (len(token.prefix), token.last_used_at) == (12, None)
    client = Client(HTTP_HOST="localhost:3000", HTTP_AUTHORIZATION=f"Bearer {text}")
    client.get("/api/tasks")
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None
    with CaptureQueriesContext(connection) as queries:
        client.get("/api/tasks")
    assert not [sql for sql in queries if sql["sql"].startswith("UPDATE")]
    ApiToken.objects.update(last_used_at=first - timedelta(hours=1))
    client.get("/api/tasks")
    token.refresh_from_db()
    assert token.last_used_at >= first


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


# --- Rights beyond the route's own -------------------------------------------------------


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


def answer_to(asked, behavior="allow", **more):
    return {"notificationId": asked.pk, "behavior": behavior, **more}


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


# --- The rights themselves ---------------------------------------------------------------


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


def test_every_model_of_ours_belongs_to_a_role():
    """A new model is decided about in `tasks.access.roles`, and given to the groups by a migration."""
    decided = {
        right.replace(".view_", ".")
        for right in roles.ROLES["Administrator"]
        if ".view_" in right
    }
    parts = {
        "tasks.failedlogins",
        "tasks.sessionitem",
        "tasks.leftover",
        "tasks.message",  # a task's: who may see and change the one, may the other
        *("tasks.workflowrun", "tasks.steprun", "tasks.workflowdocument"),
        *("tasks.runtotal", "tasks.idempotencykey", "tasks.documenttext"),
        "tasks.tasktag",  # a task's
        "tasks.delivery",  # a webhook's
        *("tasks.outboxevent", "tasks.outboxcounter"),  # each by what it tells of
        *("ledger.dailyspend", "ledger.dailytaskspend"),
        *("ledger.modeltotal", "ledger.tasktotal"),
        "ledger.openrequest",
    }
    ours = {
        model._meta.label_lower
        for app in ("tasks", "ledger")
        for model in apps.get_app_config(app).get_models()
    }
    assert ours == decided | parts


def test_the_roles_name_rights_that_there_are():
    names = {
        f"{row.content_type.app_label}.{row.codename}"
        for row in Permission.objects.select_related("content_type")
    }
    assert roles.ROLES["Administrator"] <= names
    assert not any("auth." in right for right in roles.ROLES["Administrator"])


def test_a_group_that_a_site_has_changed_stays_as_it_is():
    viewers = Group.objects.get(name="Viewer")
    viewers.permissions.clear()
    roles.make_groups(apps)
    assert not viewers.permissions.exists()
