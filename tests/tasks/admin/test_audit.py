"""The page Audit, and what each page of the admin writes into it."""

import csv
import io
import json

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ledger.models import Budget
from stagent.admin_theme import UNFOLD
from tasks.models import (
    ApiToken,
    AuditEntry,
    PermissionRule,
    Project,
    Task,
    Way,
    Webhook,
)
from tests.factories import (
    PermissionRequestFactory,
    PermissionRuleFactory,
    ProjectFactory,
    ScheduleFactory,
    TaskFactory,
    UserFactory,
)
from tests.tasks.admin.pages import login_operator

pytestmark = pytest.mark.django_db

LIST = "admin:tasks_auditentry_changelist"


@pytest.fixture(autouse=True)
def layout(settings):
    settings.UNFOLD = UNFOLD


def do(client, page, *args, **data):
    response = client.post(reverse(f"admin:{page}", args=args), data)
    assert response.status_code == 302, response.content
    return response


def only():
    return AuditEntry.objects.get()


def test_a_verb_is_told_with_who_pressed_it_and_from_where(admin_client):
    task = TaskFactory(title="Planned work", status=Task.Status.PLANNED)
    do(admin_client, "tasks_task_do", task.pk, "cancel")
    entry = only()
    assert (entry.action, entry.object_id) == ("cancel", str(task.pk))
    assert (entry.user_name, entry.way) == ("admin", Way.ADMIN)
    assert (entry.title, entry.address) == ("Planned work", "127.0.0.1")
    do(admin_client, "tasks_task_do", task.pk, "resume")  # refused
    assert only() == entry


def test_a_form_is_told_as_it_was_and_as_it_is(admin_client):
    project = ProjectFactory(name="Old")
    do(admin_client, "tasks_project_change", project.pk, name="New", id=project.pk)
    entry = only()
    assert (entry.action, entry.object_type) == ("change", "project")
    assert (entry.before["name"], entry.after["name"]) == ("Old", "New")


def test_what_is_added_and_deleted_is_told_with_what_it_was(admin_client):
    do(admin_client, "tasks_project_add", name="P", id="p1")
    assert only().action == "create"
    do(admin_client, "tasks_project_delete", "p1", post="yes")
    gone = AuditEntry.objects.order_by("pk").last()
    assert (gone.action, gone.object_id) == ("delete", "p1")
    assert gone.before["name"] == "P"
    assert not Project.objects.exists()


def test_what_is_selected_and_deleted_is_told_each(admin_client):
    tasks = TaskFactory.create_batch(2)
    keys = [str(task.pk) for task in tasks]
    data = {"action": "delete_selected", "_selected_action": keys, "post": "yes"}
    admin_client.post(reverse("admin:tasks_task_changelist"), data)
    told = AuditEntry.objects.filter(action="delete")
    assert sorted(told.values_list("object_id", flat=True)) == sorted(keys)


def test_priorities_set_in_the_list_are_told_each(admin_client):
    task = TaskFactory(priority=2)
    data = {"action": "set_priority_0", "_selected_action": [str(task.pk)]}
    admin_client.post(reverse("admin:tasks_task_changelist"), data)
    assert (only().before, only().after) == ({"priority": 2}, {"priority": 0})


def test_a_decision_is_told_at_its_task(admin_client):
    asked = PermissionRequestFactory()
    url = reverse("approvals-decide", args=[asked.pk])
    admin_client.post(url, {"decision": "allow"})
    entry = only()
    assert (entry.action, entry.object_id) == ("respond", str(asked.task_id))
    assert entry.after["behavior"] == "allow"


def test_a_rule_taken_back_is_told(admin_client):
    rule = PermissionRuleFactory(created_by="admin")
    admin_client.post(reverse("approvals-undo", args=[rule.pk]))
    assert not PermissionRule.objects.exists()
    assert (only().action, only().object_id) == ("delete", str(rule.pk))


def test_a_message_a_schedule_and_a_webhook_are_told(admin_client):
    do(admin_client, "tasks_task_tell", TaskFactory().pk, text="Hurry")
    do(admin_client, "tasks_schedule_do", ScheduleFactory().pk, "pause")
    webhook = Webhook.objects.create(name="bot", url="https://hooks.example.com/a")
    do(admin_client, "tasks_webhook_do", webhook.pk, "new_secret")
    told = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert told == ["message", "pause", "new-secret"]


def test_a_password_is_told_as_changed_and_never_shown(admin_client):
    user = UserFactory(password="old")
    url = reverse("admin:auth_user_password_change", args=[user.pk])
    data = {"password1": "a-Long-secret-1", "password2": "a-Long-secret-1"}
    admin_client.post(url, data)
    entry = only()
    assert (entry.object_type, entry.after) == ("user", {"password": "***"})
    assert entry.before == {"password": "***"}


def test_ones_own_password_is_told_as_changed(client):
    user = UserFactory(is_staff=True)
    user.set_password("old-Secret-1")
    user.save()
    client.force_login(user)
    data = {"old_password": "old-Secret-1", "new_password1": "short"}
    client.post(reverse("admin:password_change"), data)
    assert not AuditEntry.objects.exists()
    data |= {"new_password1": "a-Long-secret-1", "new_password2": "a-Long-secret-1"}
    client.post(reverse("admin:password_change"), data)
    assert (only().user_name, only().after) == (user.username, {"password": "***"})
    assert (only().object_type, only().object_id) == ("user", str(user.pk))


def test_the_groups_of_a_user_are_told(admin_client):
    user, group = UserFactory(), Group.objects.create(name="Team")
    form = admin_client.get(reverse("admin:auth_user_change", args=[user.pk]))
    initial = form.context["adminform"].form.initial
    data = {k: v for k, v in initial.items() if v and k not in {"date_joined"}}
    data |= {
        "groups": [group.pk],
        "date_joined_0": "2026-01-01",
        "date_joined_1": "0:0",
    }
    data.pop("last_login", None)
    do(admin_client, "auth_user_change", user.pk, **data)
    assert list(User.objects.get(pk=user.pk).groups.all()) == [group]
    assert only().after["groups"] == [group.pk]


def test_a_budget_and_a_token_are_told(admin_client):
    data = {"applies_to": "overall:", "period": "daily", "limit_usd": "5"}
    do(
        admin_client,
        "ledger_budget_add",
        **data,
        is_active="on",
        on_exceed="stop",
    )
    assert Budget.objects.exists()
    user = User.objects.get(username="admin")
    do(admin_client, "tasks_apitoken_add", name="ci", user=user.pk)
    token = ApiToken.objects.get()
    told = list(AuditEntry.objects.order_by("pk"))
    assert [entry.object_type for entry in told] == ["budget", "API token"]
    assert told[1].after["digest"] == "***"
    assert token.digest not in str(told[1].after)


# --- The page --------------------------------------------------------------------------


def happen(client, count=1):
    for number in range(count):
        task = TaskFactory(title=f"Work-{number}", status=Task.Status.PLANNED)
        do(client, "tasks_task_do", task.pk, "cancel")
    return task


def show(client, **query):
    response = client.get(reverse(LIST), query)
    assert response.status_code == 200
    return response.content.decode()


def test_it_is_filtered_and_searched(admin_client):
    task = happen(admin_client)
    assert "Work-0" in show(admin_client)
    assert "Work-0" in show(admin_client, user_name="admin")
    assert "Work-0" not in show(admin_client, object_type="budget")
    assert "Work-0" in show(admin_client, object_type="task", q=str(task.pk))
    assert "Work-0" in show(admin_client, q="Work")
    assert "Work-0" not in show(
        admin_client, created_at__gte="2100-01-01 00:00:00+00:00"
    )
    assert admin_client.get("/admin/audit/").url == reverse(LIST)


def test_an_entry_shows_each_value_before_and_after(admin_client):
    project = ProjectFactory(name="Before it")
    do(admin_client, "tasks_project_change", project.pk, name="After it", id=project.pk)
    url = reverse("admin:tasks_auditentry_change", args=[only().pk])
    text = admin_client.get(url).content.decode()
    assert "Before it" in text
    assert "After it" in text


def test_nobody_adds_changes_or_deletes_there(admin_client):
    happen(admin_client)
    assert admin_client.get(reverse("admin:tasks_auditentry_add")).status_code == 403
    url = reverse("admin:tasks_auditentry_delete", args=[only().pk])
    assert admin_client.post(url, {"post": "yes"}).status_code == 403
    url = reverse("admin:tasks_auditentry_change", args=[only().pk])
    assert admin_client.post(url, {"title": "x"}).status_code == 403


def test_it_is_exported_with_its_filters(admin_client):
    happen(admin_client, 2)
    url = reverse("admin:tasks_auditentry_export", args=["csv"])
    text = admin_client.get(url, {"q": "Work-1"}).content.decode()
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["title"], row["action"], row["userName"]) == (
        *("Work-1", "cancel"),
        "admin",
    )
    url = reverse("admin:tasks_auditentry_export", args=["jsonl"])
    lines = admin_client.get(url).content.splitlines()
    assert [json.loads(line)["title"] for line in lines] == ["Work-1", "Work-0"]


def test_it_is_for_who_may_look_at_it(client):
    login_operator(client, "view_task")
    for url in (reverse(LIST), reverse("admin:tasks_auditentry_export", args=["csv"])):
        assert client.get(url).status_code == 403
    login_operator(client, "view_auditentry")
    assert client.get(reverse(LIST)).status_code == 200


def test_the_history_of_a_task_shows_what_changed(admin_client):
    task = TaskFactory(priority=2, status=Task.Status.PLANNED)
    data = {"action": "set_priority_0", "_selected_action": [str(task.pk)]}
    admin_client.post(reverse("admin:tasks_task_changelist"), data)
    url = reverse("admin:tasks_task_history", args=[task.pk])
    text = admin_client.get(url).content.decode()
    assert "What changed" in text
    assert "priority" in text
    assert "127.0.0.1" in text


def test_the_queries_are_few_however_much_was_done(admin_client):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            show(admin_client)
        return len(captured)

    happen(admin_client, 2)
    few = queries()
    happen(admin_client, 20)
    assert queries() == few <= 12
