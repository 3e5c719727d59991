"""Every write by the API leaves an entry: who, from where, what, before and after."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tasks.access import authentication
from tasks.models import ApiToken, AuditEntry, Task, Way, Webhook
from tests.conftest import Client
from tests.factories import (
    DocumentFactory,
    PermissionRequestFactory,
    PermissionRuleFactory,
    ProjectFactory,
    ScheduleFactory,
    SuperuserFactory,
    TaskFactory,
    WorkflowFactory,
)
from tests.ledger.factories import BudgetFactory

pytestmark = pytest.mark.django_db


def last():
    return AuditEntry.objects.order_by("-pk").first()


def test_a_new_task_is_told_with_what_it_was_made_with(api):
    task_id = api.post("/api/tasks", {"title": "x", "priority": 1}).json()["id"]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_type, entry.object_id) == (
        *("create", "task"),
        task_id,
    )
    assert (entry.way, entry.user_id, entry.user_name) == (Way.API, None, "")
    assert entry.address == "127.0.0.1"
    assert entry.title == entry.after["title"] == "x"
    assert entry.after["priority"] == 1
    assert entry.before is None


@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        ({"priority": 0}, {"priority": 2}, {"priority": 0}),
        ({"title": "New"}, {"title": "Old"}, {"title": "New"}),
        ({"status": "queued"}, {"status": "planned"}, {"status": "queued"}),
        ({"tags": ["a"]}, {"tags": []}, {"tags": ["a"]}),
        (
            {"status": "queued", "priority": 3},
            {"status": "planned", "priority": 2},
            {"status": "queued", "priority": 3},
        ),
    ],
)
def test_a_change_is_told_as_it_was_and_as_it_is(api, body, before, after):
    task = TaskFactory(title="Old", status=Task.Status.PLANNED)
    assert api.patch(f"/api/tasks/{task.pk}", body).status_code == 200
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_id) == ("change", str(task.pk))
    assert (entry.before, entry.after) == (before, after)


def test_long_texts_are_cut(api):
    task = TaskFactory(result="y" * 9_000)
    api.patch(f"/api/tasks/{task.pk}", {"result": "x" * 9_000})
    entry = last()
    assert len(entry.before["result"]) == 2_000
    assert len(entry.after["result"]) == 2_001


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "/api/tasks", {}),
        (
            "patch",
            f"/api/tasks/{'7f9c1c1e-3a52-4b0a-9d86-0d8d2f1f6f10'}",
            {"title": "x"},
        ),
        ("delete", "/api/tasks/nonsense", None),
        ("post", "/api/tasks/nonsense/execute", None),
        ("delete", "/api/permissions/1", None),
        ("post", "/api/schedules/parse", {"interval": "5m"}),
    ],
)
def test_what_is_refused_or_only_reads_is_not_told(api, method, path, body):
    getattr(api, method)(path, body)
    assert not AuditEntry.objects.exists()


def test_a_refused_verb_is_not_told(api):
    task = TaskFactory(status=Task.Status.COMPLETED)
    assert api.post(f"/api/tasks/{task.pk}/execute").status_code == 400
    assert not AuditEntry.objects.exists()


def write_task(api, verb, **fields):
    task = TaskFactory(**fields)
    assert (
        api.post(f"/api/tasks/{task.pk}/{verb}").status_code
        == {"execute": 202, "cancel": 200}[verb]
    )
    return task.pk


def respond(api):
    asked = PermissionRequestFactory()
    body = {"notificationId": asked.pk, "behavior": "allow"}
    api.post(f"/api/tasks/{asked.task_id}/respond", body)
    return asked.task_id


def remove(api, path, row):
    assert api.delete(f"/api/{path}/{row.pk}").status_code == 200
    return row.pk


def patch(api, path, row, **body):
    answer = api.patch(f"/api/{path}/{row.pk}", body)
    assert answer.status_code == 200, answer.content
    return row.pk


def post(api, path, **body):
    answer = api.post(f"/api/{path}", body)
    assert answer.status_code < 300, answer.content
    return answer.json().get("id", "")


def webhook():
    return Webhook.objects.create(name="bot", url="https://hooks.example.com/T0/abc")


BUDGET = {"scope": "overall", "period": "daily", "limitUsd": 5}
WEBHOOK = {"name": "bot", "url": "https://hooks.example.com/services/T0/abc"}
STEPS = '{"pattern": "sequence", "steps": [{"id": "a", "name": "A", "prompt": "x"}]}'


@pytest.mark.parametrize(
    ("act", "action", "kind"),
    [
        (lambda api: write_task(api, "execute", status="queued"), "execute", "task"),
        (lambda api: write_task(api, "cancel", status="queued"), "cancel", "task"),
        (respond, "respond", "task"),
        (lambda api: remove(api, "tasks", TaskFactory()), "delete", "task"),
        (lambda api: post(api, "projects", name="P"), "create", "project"),
        (
            lambda api: patch(api, "projects", ProjectFactory(), name="Q"),
            "change",
            "project",
        ),
        (lambda api: remove(api, "projects", ProjectFactory()), "delete", "project"),
        (
            lambda api: patch(api, "documents", DocumentFactory(), category="c"),
            *("change", "document"),
        ),
        (lambda api: remove(api, "documents", DocumentFactory()), "delete", "document"),
        (
            lambda api: post(api, "permissions", pattern="read", effect="allow"),
            *("create", "permission rule"),
        ),
        (
            lambda api: remove(api, "permissions", PermissionRuleFactory()),
            *("delete", "permission rule"),
        ),
        (lambda api: post(api, "budgets", **BUDGET), "create", "budget"),
        (
            lambda api: patch(api, "budgets", BudgetFactory(), limitUsd=7),
            *("change", "budget"),
        ),
        (
            lambda api: post(api, "settings/budgets", dailyLimit=3),
            "set-limits",
            "budget",
        ),
        (lambda api: post(api, "webhooks", **WEBHOOK), "create", "webhook"),
        (
            lambda api: patch(api, "webhooks", webhook(), status="paused"),
            *("change", "webhook"),
        ),
        (lambda api: remove(api, "webhooks", webhook()), "delete", "webhook"),
        (
            lambda api: patch(api, "schedules", ScheduleFactory(), name="S"),
            *("change", "schedule"),
        ),
        (lambda api: remove(api, "workflows", WorkflowFactory()), "delete", "workflow"),
        (
            lambda api: patch(
                api, "notifications", PermissionRequestFactory(), read=True
            ),
            *("mark-read", "permission request"),
        ),
    ],
)
def test_each_kind_of_write_is_told_once(api, act, action, kind):
    key = act(api)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_type) == (action, kind)
    if key:
        assert entry.object_id == str(key)
        assert entry.title


def test_the_secret_of_a_webhook_is_masked(api):
    post(api, "webhooks", **WEBHOOK, secret="whsec_" + "A" * 44)
    text = str(last().after)
    assert "whsec" not in text
    assert "T0/abc" not in text
    assert "hooks.example.com" in text


def test_the_token_is_told_and_the_name_outlives_its_user(db):
    user = SuperuserFactory(username="grace")
    token, text = ApiToken.objects.issue(name="ci", user=user)
    client = Client(HTTP_HOST="localhost:3000", HTTP_AUTHORIZATION=f"Bearer {text}")
    authentication.forget_open()
    client.post("/api/tasks", {"title": "x"})
    user.delete()
    entry = AuditEntry.objects.get(action="create")
    assert (entry.user_name, entry.token_name) == ("grace", "ci")
    assert entry.token_prefix == token.prefix


def test_behind_a_proxy_the_address_is_what_it_says(api, settings):
    settings.STAGENT_HTTPS = True
    headers = {"HTTP_X_FORWARDED_FOR": "203.0.113.9, 192.0.2.7"}
    settings.STAGENT_REQUIRE_AUTH = False
    user = SuperuserFactory()
    client = Client(HTTP_HOST="localhost:3000", secure=True, **headers)
    client.force_login(user)
    client.post("/api/tasks", {"title": "x"}, secure=True)
    assert last().address == "192.0.2.7"


def test_a_repeated_request_is_told_once(api):
    for _ in range(2):
        answer = api.post("/api/tasks", {"title": "x"}, HTTP_IDEMPOTENCY_KEY="k")
        assert answer.status_code == 201
        project = api.post("/api/projects", {"name": "P"}, HTTP_IDEMPOTENCY_KEY="p")
        assert project.status_code == 201
    assert AuditEntry.objects.count() == 2


@pytest.mark.parametrize("what", ["update", "delete"])
def test_the_database_refuses_to_change_it(api, what):
    api.post("/api/tasks", {"title": "x"})
    table = AuditEntry.objects.all()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        table.update(title="y") if what == "update" else table.delete()
    assert table.get().title == "x"


# --- The list --------------------------------------------------------------------------


def test_it_is_listed_in_pages_the_newest_first(api):
    for title in "abc":
        api.post("/api/tasks", {"title": title})
    first = api.get("/api/audit?limit=2")
    assert [entry["title"] for entry in first.json()] == ["c", "b"]
    link = first["Link"].partition("<")[2].partition(">")[0]
    assert [entry["title"] for entry in api.get(link).json()] == ["a"]


def test_it_is_filtered(api):
    task = TaskFactory()
    api.patch(f"/api/tasks/{task.pk}", {"priority": 0})
    post(api, "projects", name="P")

    def found(query):
        return [entry["action"] for entry in api.get(f"/api/audit?{query}").json()]

    assert found(f"objectId={task.pk}") == ["change"]
    assert found("objectType=project") == ["create"]
    assert found("userName=nobody") == []
    assert len(found("way=api")) == 2
    assert found("way=command") == []
    assert found("createdUntil=2020-01-01T00:00:00Z") == []
    assert len(found("createdFrom=2020-01-01T00:00:00Z")) == 2
    assert api.get("/api/audit?way=nonsense").status_code == 400


def test_nobody_writes_there(api):
    assert api.post("/api/audit", {}).status_code == 405


def test_a_list_takes_one_statement(api):
    for _ in range(5):
        api.post("/api/tasks", {"title": "x"})
    api.get("/api/runtimes")
    with CaptureQueriesContext(connection) as queries:
        api.get("/api/audit?limit=3").getvalue()
    assert len([q for q in queries if "auditentry" in q["sql"]]) == 1
