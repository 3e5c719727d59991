"""What `POST /api/tasks/assist` refuses at once, and what names an assist later."""

import pytest

from tasks.models import Run, Task, Workflow
from tests.factories import TaskFactory, WorkerFactory

pytestmark = pytest.mark.django_db


def ask(api, **body):
    return api.post("/api/tasks/assist", body)


def test_something_to_ask_about_is_needed(api):
    for body in ({}, {"title": ""}, {"description": " \n"}):
        refused = ask(api, **body)
        assert refused.status_code == 400
        assert refused.json()["error"]["formErrors"] == [
            "Provide at least a title or description"
        ]
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": "x" * 201}, "title"),
        ({"title": 3}, "title"),
        ({"title": "x", "assignedAgent": "nobody"}, "assignedAgent"),
        ({"description": "x" * 20_001}, "description"),
    ],
)
def test_what_cannot_be_asked_is_told_by_its_field(api, body, field):
    assert field in ask(api, **body).json()["error"]["fieldErrors"]
    assert not Task.objects.exists()


def test_where_nobody_would_ask_the_model_it_is_refused_at_once(api):
    refused = ask(api, title="Report")
    assert refused.status_code == 503
    assert "worker" in refused.json()["error"]
    assert not Run.objects.exists()


def test_it_is_an_ordinary_run_of_a_task_that_is_not_listed(api):
    WorkerFactory()
    assert ask(api, title="Report", description="Write.").status_code == 202
    task, run = Task.objects.get(), Run.objects.get()
    assert (task.is_assist, run.priority, run.status) == (True, 0, "queued")
    assert api.get("/api/tasks").json() == []
    assert api.get("/api/tasks?limit=5").json() == []


def test_only_an_assist_can_be_named_as_one(api):
    task = TaskFactory()
    for path, body in (
        ("/api/tasks", {"title": "x"}),
        ("/api/workflows/from-assist", {"name": "x", "definition": DEFINITION}),
    ):
        for assist_id in (str(task.pk), "nonsense", ""):
            refused = api.post(path, {**body, "assistId": assist_id})
            assert refused.status_code == 400, refused.content
            assert "assistId" in refused.json()["error"]["fieldErrors"]
    assert Task.objects.count() == 1
    assert not Workflow.objects.exists()


DEFINITION = {
    "pattern": "sequence",
    "steps": [{"id": "a", "name": "A", "prompt": "finish: ok"}],
}


@pytest.mark.parametrize("is_answer", [True, False])
def test_the_parent_may_be_named_by_its_id_or_by_its_answer(api, is_answer):
    assist = str(TaskFactory(is_assist=True).pk)
    parent = {"assistId": assist, "reasoning": "…"} if is_answer else assist
    body = {"name": "x", "definition": DEFINITION, "parentTask": parent}
    made = api.post("/api/workflows/from-assist", body)
    assert made.json()["parentTaskId"] == assist


def test_a_parent_without_an_id_is_none(api):
    parent = {"title": "Report", "description": "Write."}
    body = {"name": "x", "definition": DEFINITION, "parentTask": parent}
    made = api.post("/api/workflows/from-assist", body)
    assert (made.status_code, made.json()["parentTaskId"]) == (201, None)


def test_a_workflow_outlives_the_assist_that_suggested_it(api):
    assist = TaskFactory(is_assist=True)
    body = {"name": "x", "definition": DEFINITION, "assistId": str(assist.pk)}
    api.post("/api/workflows/from-assist", body)
    assert api.delete(f"/api/tasks/{assist.pk}").status_code == 200
    assert Workflow.objects.get().assist is None
