"""/api/workflows/{id}/documents."""

import pytest

from tests.factories import (
    DocumentFactory,
    TaskFactory,
)
from tests.tasks.api.workflow_requests import create, field_errors, status
from tests.tasks.workflows.running import begin, step, task_of

pytestmark = pytest.mark.django_db


def test_documents_are_attached_once_listed_and_detached(api):
    workflow_id = create(api).json()["id"]
    path = f"/api/workflows/{workflow_id}/documents"
    one, two = DocumentFactory().pk, DocumentFactory().pk
    answer = api.post(path, {"documentIds": [one, one, two]})
    assert answer.status_code == 201
    assert answer.json() == {"attached": 2, "workflowId": workflow_id, "stepId": None}
    assert api.post(path, {"documentIds": [one]}).json()["attached"] == 0
    api.post(path, {"documentIds": [one], "stepId": "a"})

    listed = api.get(path).json()
    assert [(row["documentId"], row["stepId"]) for row in listed] == [
        (one, None),
        (two, None),
        (one, "a"),
    ]
    assert listed[0]["document"]["originalName"] == "notes.txt"
    assert api.delete(path, {"documentIds": [one], "stepId": "a"}).json() == {
        "ok": True
    }
    assert len(api.get(path).json()) == 2
    api.delete(path)
    assert api.get(path).json() == []


def test_documents_that_cannot_be_attached(api):
    path = f"/api/workflows/{create(api).json()['id']}/documents"

    assert "documentIds" in field_errors(api.post(path, {"documentIds": []}))
    missing = api.post(path, {"documentIds": ["x"]})
    assert (missing.status_code, missing.json()["error"]) == (
        404,
        "Document not found: x",
    )
    body = {"documentIds": [DocumentFactory().pk], "stepId": "x"}
    assert "stepId" in field_errors(api.post(path, body))


def test_the_status_tells_each_tasks_documents_and_those_of_the_source(api):
    source, document = TaskFactory(), DocumentFactory()
    source.documents.add(document)
    run = begin(step("a"), more={"sourceTaskId": str(source.pk)})
    found = status(api, run.workflow_id)

    assert [one["id"] for one in found["parentDocuments"]] == [document.pk]
    own = found["stepDocuments"][str(task_of(run, "a").pk)]
    assert [one["id"] for one in own] == [document.pk]
