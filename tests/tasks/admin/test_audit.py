"""The page Audit: who did what, whichever way they came."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from stagent.admin_theme import UNFOLD
from tasks.models import Task
from tasks.models.permission import Answer
from tests.factories import (
    PermissionRequestFactory,
    PermissionRuleFactory,
    RunFactory,
    TaskFactory,
)
from tests.tasks.admin.pages import login_operator

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def layout(settings):
    settings.UNFOLD = UNFOLD


def show(client, **query):
    response = client.get("/admin/audit/", query)
    assert response.status_code == 200
    return response.content.decode()


def happen():
    run = RunFactory(started_by="grace", task__title="Analyze")
    asked = PermissionRequestFactory(run=run, action="write:/audited.md")
    asked.answer(Answer(is_allowed=False, by="linus"))
    PermissionRuleFactory(created_by="ada", pattern="read:/audited/**")


def test_it_tells_starts_decisions_and_rules_with_who_did_them(admin_client):
    happen()
    text = show(admin_client)
    for shown in (
        *("grace", "Started: attempt 1", "Analyze"),
        *("linus", "Denied: write:/audited.md"),
        *("ada", "Made a rule: allow read:/audited/**"),
    ):
        assert shown in text


def test_what_is_pressed_and_deleted_in_the_admin_is_told(admin_client):
    task = TaskFactory(title="Planned work", status=Task.Status.PLANNED)
    admin_client.post(reverse("admin:tasks_task_do", args=[task.pk, "cancel"]))
    assert "Cancel requested (Tasks | task)" in show(admin_client)
    url = reverse("admin:tasks_task_delete", args=[task.pk])
    admin_client.post(url, {"post": "yes"})
    text = show(admin_client)
    assert "Deleted (Tasks | task)" in text
    assert "Planned work" in text


def test_one_person_or_one_kind_is_chosen(admin_client):
    happen()
    assert "Denied" not in show(admin_client, by="ada")
    assert "Made a rule" in show(admin_client, by="ada")
    assert "Made a rule" not in show(admin_client, kind="decisions")
    assert "Nobody has done anything" in show(admin_client, by="nobody\x00")
    assert "Made a rule" in show(admin_client, kind="nonsense")


def test_each_kind_is_for_who_may_see_its_rows(client):
    happen()
    login_operator(client, "view_permissionrequest")
    text = show(client)
    assert "Denied" in text
    assert "Made a rule" not in text
    assert "Started" not in text
    login_operator(client, "view_task")
    assert client.get("/admin/audit/").status_code == 403


def test_the_queries_are_few_however_much_was_done(admin_client):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            show(admin_client)
        return len(captured)

    happen()
    few = queries()
    for _ in range(20):
        happen()
    assert queries() == few <= 12
