"""`outputSchema` of a task, and the `data` of its output."""

import json

import pytest

from tasks import lifecycle
from tasks.models import Task

pytestmark = pytest.mark.django_db
SCHEMA = {
    "type": "object",
    "properties": {"zebra": {"type": "integer"}, "ant": {"type": "string"}},
    "required": ["zebra"],
}


def create(api, **fields):
    return api.post("/api/tasks", {"title": "Count", **fields})


def output(api, task_id):
    return api.get(f"/api/tasks/{task_id}/output").json()


def test_it_is_kept_and_shown_as_it_was_written(api):
    task_id = create(api, outputSchema=SCHEMA).json()["id"]
    shown = api.get(f"/api/tasks/{task_id}").json()["outputSchema"]
    assert json.dumps(shown) == json.dumps(SCHEMA)  # in its own order of keys
    assert "outputSchema" not in api.get("/api/tasks").json()[0]


def test_it_can_be_changed_and_taken_away(api):
    task_id = create(api).json()["id"]
    path = f"/api/tasks/{task_id}"
    assert api.get(path).json()["outputSchema"] is None
    assert api.patch(path, {"outputSchema": SCHEMA}).json()["outputSchema"] == SCHEMA
    assert api.patch(path, {"outputSchema": None}).json()["outputSchema"] is None


@pytest.mark.parametrize(
    "schema", [{"type": "array"}, {"type": "objekt"}, [], "x", {"$ref": "http://a/b"}]
)
def test_what_is_no_schema_of_an_object_is_a_field_error(api, schema):
    refused = create(api, outputSchema=schema)
    assert refused.status_code == 400
    assert "outputSchema" in refused.json()["error"]["fieldErrors"]
    assert not Task.objects.exists()


def test_the_output_has_the_data_of_a_completed_task(api):
    task_id = create(api, outputSchema=SCHEMA).json()["id"]
    assert output(api, task_id)["data"] is None
    task = Task.objects.get(pk=task_id)
    lifecycle.record_status(task, Task.Status.QUEUED, by="a test")
    lifecycle.record_status(task, Task.Status.RUNNING, by="a test")
    done = {"result": '{"zebra":1}'}
    lifecycle.record_status(task, Task.Status.COMPLETED, by="a test", **done)
    found = output(api, task_id)
    assert (found["data"], found["contentType"]) == ({"zebra": 1}, "json")


def test_the_output_of_other_tasks_is_as_before(api):
    assert "data" not in output(api, create(api).json()["id"])
