"""How many statements a request takes: it does not grow with what there is."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.models import Document, Task
from tests.factories import (
    DocumentFactory,
    LogEntryFactory,
    PermissionRequestFactory,
    PermissionRuleFactory,
    ProjectFactory,
    RunFactory,
    TaskFactory,
)
from tests.ledger.factories import BudgetFactory, LedgerEntryFactory


@pytest.fixture
def count(api):
    """Count the statements of a request, without the look for tokens once a second."""

    def send(method, path, body=None):
        api.get("/api/runtimes")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = getattr(api, method)(path, body)
            assert answer.status_code < 300, answer.content
            answer.getvalue()
        statements = [
            query["sql"] for query in queries if "tasks_apitoken" not in query["sql"]
        ]
        return len([sql for sql in statements if "SAVEPOINT" not in sql])

    return send


def many(task):
    """Give a task a long life."""
    for _ in range(3):
        run = RunFactory(task=task, status="failed")
        LedgerEntryFactory(task_id=task.pk, run_id=run.pk)
        PermissionRequestFactory(run=run, status="allowed")
        LogEntryFactory(task=task)
        task.documents.add(DocumentFactory())
    return task


def test_getting_a_task_that_never_ran_takes_one(count):
    assert count("get", f"/api/tasks/{TaskFactory().pk}") == 1


def test_getting_a_task_takes_three_whatever_its_life(count):
    waiting = PermissionRequestFactory().task
    assert count("get", f"/api/tasks/{many(waiting).pk}") == 3


# The audit's entry is a part of the statement, but on SQLite, which has no way there.
AUDIT = 1 if connection.vendor == "sqlite" else 0


def test_creating_a_task_takes_one_and_the_audit(count):
    assert count("post", "/api/tasks", {"title": "x"}) == 1 + AUDIT


def test_patching_a_field_takes_two_and_the_audit(count):
    path = f"/api/tasks/{TaskFactory().pk}"
    assert count("patch", path, {"priority": 0}) == 2 + AUDIT


def test_patching_the_status_takes_at_most_six(count):
    """The task, the move, the entry, the audit, the answer; on SQLite the outbox's event, too."""
    path = f"/api/tasks/{TaskFactory().pk}"
    assert count("patch", path, {"status": "queued"}) <= 5 + AUDIT


@pytest.mark.parametrize("query", ["", "?status=planned", "?projectId=x"])
def test_a_list_takes_one(count, query):
    counts = []
    for number in (10, 90):
        Task.objects.bulk_create(Task(title="x") for _ in range(number))
        counts.append(count("get", f"/api/tasks{query}"))
    assert counts == [1, 1]


def test_a_page_takes_at_most_two(count):
    TaskFactory.create_batch(10)
    assert count("get", "/api/tasks?limit=3") <= 2


def test_executing_takes_at_most_sixteen(count):
    BudgetFactory()
    task = many(TaskFactory(status="queued"))
    assert count("post", f"/api/tasks/{task.pk}/execute") <= 16


@pytest.mark.parametrize(
    ("what", "most"), [("output", 2), ("siblings", 2), ("provenance", 8)]
)
def test_reading_more_of_a_task_takes_a_few(count, what, most):
    assert count("get", f"/api/tasks/{many(TaskFactory()).pk}/{what}") <= most


def test_responding_takes_at_most_twelve(count):
    request = PermissionRequestFactory()
    body = {"notificationId": request.pk, "behavior": "allow", "alwaysAllow": True}
    assert count("post", f"/api/tasks/{request.task_id}/respond", body) <= 12


def test_rules_take_one_each_and_four_to_make_for_a_task(count):
    """To make or remove one, the audit's entry and what it shows of the rule come with it."""
    rule = PermissionRuleFactory(task=TaskFactory())
    PermissionRuleFactory.create_batch(5, project=ProjectFactory())
    assert count("get", "/api/permissions") == 1
    assert count("get", f"/api/permissions/{rule.pk}") == 1
    body = {"pattern": "read", "effect": "allow", "taskId": str(rule.task_id)}
    assert count("post", "/api/permissions", body) == 4
    assert count("delete", f"/api/permissions/{rule.pk}") == 3


@pytest.mark.parametrize(
    "path", ["/api/notifications", "/api/documents", "/api/projects"]
)
def test_the_other_lists_take_one(count, path):
    many(TaskFactory())
    assert count("get", path) == 1


@pytest.mark.parametrize("documents", [1, 40])
def test_documents_take_one_query_with_what_is_known_of_them(count, documents):
    project, task = ProjectFactory(), TaskFactory()
    for number in range(documents):
        DocumentFactory(project=project, made_by=task.pk, version=number + 1)
    path = f"/api/documents?projectId={project.pk}"
    assert count("get", path) == 1
    newest = Document.objects.order_by("-version").first()
    assert count("get", f"/api/documents/{newest.pk}/versions") <= 2
