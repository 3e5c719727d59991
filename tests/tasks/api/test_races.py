"""What a request has read may be gone a moment later: that is a 404 or a 400, never a 500."""

from contextlib import contextmanager

import pytest
from django.db import connection

from tasks.models import Document, Project, Task
from tests.factories import (
    DocumentFactory,
    PermissionRequestFactory,
    ProjectFactory,
    SessionFactory,
    TaskFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def once_read(table, do):
    """Do something after the first read of `table`, as another process would."""
    is_done = False

    def run(execute, sql, *arguments):
        nonlocal is_done
        result = execute(sql, *arguments)
        if not is_done and f'FROM "{table}"' in sql:
            is_done = True
            do()
        return result

    with connection.execute_wrapper(run):
        yield
    assert is_done


@pytest.mark.parametrize(
    ("method", "path", "status", "response"),
    [
        ("delete", "", "planned", 404),
        ("patch", "", "planned", 404),
        ("post", "/execute", "queued", 404),
        ("post", "/resume", "failed", 400),  # it has no session any more
        ("post", "/cancel", "running", 404),
    ],
)
def test_a_task_that_is_deleted_meanwhile_is_no_server_error(
    api, method, path, status, response
):
    task = TaskFactory(status=status)
    SessionFactory(task=task, state='{"line": 1}')
    with once_read("tasks_task", Task.objects.filter(pk=task.pk).delete):
        answer = getattr(api, method)(
            f"/api/tasks/{task.pk}{path}", {"status": "queued"}
        )
    assert answer.status_code == response


def test_a_request_that_is_deleted_meanwhile_is_a_404(api):
    request = PermissionRequestFactory()
    body = {"notificationId": request.pk, "behavior": "allow"}
    with once_read("tasks_permissionrequest", request.task.delete):
        answer = api.post(f"/api/tasks/{request.task_id}/respond", body)
    assert answer.status_code == 404


def test_a_project_that_is_deleted_meanwhile_is_a_404(api):
    project = ProjectFactory()
    with once_read("tasks_project", Project.objects.all().delete):
        answer = api.patch(f"/api/projects/{project.pk}", {"name": "x"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("field", "table", "factory", "model"),
    [
        ("projectId", "tasks_project", ProjectFactory, Project),
        ("documentIds", "tasks_document", DocumentFactory, Document),
    ],
)
def test_what_a_task_names_may_go_meanwhile(api, field, table, factory, model):
    pk = factory().pk
    body = {"title": "x", field: [pk] if field == "documentIds" else pk}
    with once_read(table, model.objects.all().delete):
        answer = api.post("/api/tasks", body)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == [field]
    assert not Task.objects.exists()
