"""Documents as what is read, found, changed, made by tasks and given to all tasks of a project."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tasks.models import Document
from tasks.models.document import kind_of
from tests.conftest import Client
from tests.factories import DocumentFactory, ProjectFactory, TaskFactory
from tests.tasks.api.test_documents import upload
from tests.tasks.files.work import Work

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "media_type", "status"),
    [
        ("a.pdf", "application/octet-stream", "uploaded"),
        ("A.PDF", "", "uploaded"),
        ("noname", "application/pdf; x=y", "uploaded"),
        ("a.docx", "", "uploaded"),
        ("a.xlsx", "", "uploaded"),
        ("a.html", "text/html", "uploaded"),
        ("a.txt", "text/plain", "ready"),
        ("a.png", "image/png", "ready"),
        ("a.doc", "application/msword", "ready"),
    ],
)
def test_what_has_a_text_to_be_read_is_read(api, name, media_type, status):
    assert upload(api, name=name, media_type=media_type).json()["status"] == status
    assert bool(kind_of(name, media_type)) is (status == "uploaded")


def test_documents_are_found_by_what_is_known_of_them(api):
    task, project = TaskFactory(), ProjectFactory()
    given = DocumentFactory(name="Given.txt")
    task.documents.add(given)
    made = DocumentFactory(direction="output", made_by=task.pk, project=project)
    other = DocumentFactory(status="error")

    def found(query):
        answer = api.get(f"/api/documents?{query}")
        assert answer.status_code == 200, answer.content
        return {one["id"] for one in answer.json()}

    assert found(f"taskId={task.pk}") == {given.pk, made.pk}
    assert found("direction=output") == {made.pk}
    assert found("status=error") == {other.pk}
    assert found("search=given") == {given.pk}
    assert found("search=%25") == set()
    assert found(f"projectId={project.pk}&direction=output") == {made.pk}
    assert found("taskId=none") == set()
    for bad in ("status=bad", "direction=sideways", "search=" + "x" * 201):
        assert api.get(f"/api/documents?{bad}").status_code == 400


def test_a_document_is_changed(api):
    document, project = DocumentFactory(), ProjectFactory()
    path = f"/api/documents/{document.pk}"
    changed = api.patch(path, {"projectId": project.pk, "category": "finance"}).json()
    assert (changed["projectId"], changed["category"]) == (project.pk, "finance")
    changed = api.patch(path, {"projectId": None, "category": None}).json()
    assert (changed["projectId"], changed["category"]) == (None, None)
    for bad in ({"projectId": "none"}, {"category": "x" * 101}, {"reprocess": "yes"}):
        assert api.patch(path, bad).status_code == 400
    assert api.patch("/api/documents/none", {}).status_code == 404


def test_a_text_is_read_again_on_demand(api):
    document = DocumentFactory(name="a.pdf", status="error", problem="It is broken")
    changed = api.patch(f"/api/documents/{document.pk}", {"reprocess": True}).json()
    assert (changed["status"], changed["processingError"]) == ("uploaded", None)


def test_the_file_comes_in_parts_and_inline_only_what_is_safe(api):
    document = upload(api, b"0123456789", "a.html", "text/html").json()
    path = f"/api/documents/{document['id']}/file"
    answer = api.get(path, headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.getvalue()) == (206, b"234")
    answer = api.get(f"{path}?inline=1")
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    answer.getvalue()
    image = upload(api, b"x", "a.png", "image/png").json()
    answer = api.get(f"/api/documents/{image['id']}/file?inline=1")
    assert answer["Content-Disposition"].startswith("inline")
    assert "sandbox" in answer["Content-Security-Policy"]
    answer.getvalue()


# --- What tasks make ------------------------------------------------------------------


def keep(api, work, path="report.md", **fields):
    body = {"taskId": str(work.task.pk), "path": path, **fields}
    return api.post("/api/documents", body)


def test_a_file_that_a_task_made_is_kept_in_versions(api):
    project = ProjectFactory()
    work = Work(project=project).begin().write(**{"report.md": "one"})
    first = keep(api, work, category="report")
    assert first.status_code == 201, first.content
    assert first.json() | {"createdAt": 0, "updatedAt": 0, "id": 0, "url": 0} == {
        "id": 0,
        "name": "report.md",
        "originalName": "report.md",
        "filename": "report.md",
        "mediaType": "text/markdown",
        "mimeType": "text/markdown",
        "size": 3,
        "projectId": project.pk,
        "taskId": str(work.task.pk),
        "direction": "output",
        "version": 1,
        "category": "report",
        "status": "ready",
        "processingError": None,
        "createdAt": 0,
        "updatedAt": 0,
        "url": 0,
    }
    other = Work(project=project).begin().write(**{"a/report.md": "two!"})
    second = keep(api, other, "a/report.md").json()
    assert second["version"] == 2
    assert keep(api, Work().begin().write(**{"report.md": ""})).json()["version"] == 1
    versions = api.get(f"/api/documents/{first.json()['id']}/versions").json()
    assert [(one["version"], one["size"]) for one in versions] == [(2, 4), (1, 3)]
    work.task.delete()
    assert api.get(first.json()["url"]).getvalue() == b"one"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_of_a_project", [True, False])
def test_of_many_at_once_each_is_a_version_of_its_own(is_of_a_project):
    work = Work(project=ProjectFactory() if is_of_a_project else None).begin()
    work.write(**{"report.md": "x"})

    def keep_it(_):
        try:
            client = Client(HTTP_HOST="localhost:3000")
            return keep(client, work)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(keep_it, range(8)))
    assert {answer.status_code for answer in answers} == {201}
    versions = sorted(answer.json()["version"] for answer in answers)
    assert versions == list(range(1, 9))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"taskId": "none"}, "taskId"),
        ({"taskId": "7f9c1c1e-3a52-4b0a-9d86-0d8d2f1f6f10"}, "taskId"),
        ({"path": "none"}, "path"),
        ({"path": "../../secret"}, "path"),
        ({"path": "folder"}, "path"),
        ({"path": ""}, "path"),
        ({"projectId": "none"}, "projectId"),
        ({"file_path": "/etc/passwd"}, "file_path"),
    ],
)
def test_what_cannot_be_kept_is_a_field_error(api, fields, field):
    work = Work().begin().write(**{"report.md": "x", "folder/x": "x"})
    answer = keep(api, work, **fields)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == [field]
    assert not Document.objects.exists()


def test_what_is_too_large_is_not_kept(api, settings):
    settings.STAGENT_MAX_UPLOAD_BYTES = 10
    answer = keep(api, Work().begin().write(**{"report.md": "x" * 11}))
    assert answer.status_code == 400
    assert not Document.objects.exists()


# --- What all tasks of a project are given --------------------------------------------


def test_a_project_has_documents_for_all_its_tasks(api):
    project, one, two = ProjectFactory(), DocumentFactory(), DocumentFactory()
    path = f"/api/projects/{project.pk}/documents"
    answer = api.put(path, {"documentIds": [one.pk, two.pk, one.pk]})
    assert answer.json() == {"projectId": project.pk, "updated": 2}
    assert [one["id"] for one in api.get(path).json()] == [one.pk, two.pk]
    bad = api.put(path, {"documentIds": [one.pk, "none"]})
    assert bad.status_code == 400
    assert len(api.get(path).json()) == 2
    api.patch(f"/api/projects/{project.pk}", {"documentIds": [two.pk]})
    assert [one["id"] for one in api.get(path).json()] == [two.pk]
    for body in ({}, {"documentIds": "x"}):
        assert api.put(path, body).status_code == 400
    assert (
        api.put("/api/projects/none/documents", {"documentIds": []}).status_code == 404
    )
    assert api.delete(f"/api/documents/{two.pk}").status_code == 200
    assert api.get(path).json() == []
