"""/api/projects: where tasks belong."""

import pytest

from tasks.models import Document, PermissionRule, Project, Task
from tests.factories import (
    DocumentFactory,
    PermissionRuleFactory,
    ProjectFactory,
    TaskFactory,
)

FIELDS = {"id", "name", "description", "createdAt", "updatedAt"}
BAD_IDS = [
    "",
    ".",
    "..",
    "a/b",
    "a b",
    "ä",
    "a\n",
    "\n",
    "%2e",
    "x" * 129,
    "\0",
    "a:b",
    "😀",
]


def test_a_project_gets_an_id_unless_the_client_names_one(api):
    made = api.post("/api/projects", {"name": "Marketing"})
    assert made.status_code == 201
    assert set(made.json()) == FIELDS
    assert len(made.json()["id"]) == 36
    named = api.post("/api/projects", {"name": "M", "id": "proj-8f3a-4b2c"})
    assert named.json()["id"] == "proj-8f3a-4b2c"
    assert api.get("/api/projects/proj-8f3a-4b2c").json() == named.json()


@pytest.mark.parametrize("good", ["a", "A.b-c_1", "...", "x" * 128, "0"])
def test_a_good_id_is_one_that_survives_in_a_url(api, good):
    assert api.post("/api/projects", {"name": "x", "id": good}).status_code == 201
    assert api.get(f"/api/projects/{good}").json()["id"] == good


@pytest.mark.parametrize("bad", [*BAD_IDS, 1, None, True])
def test_a_bad_id_is_a_field_error(api, bad):
    answer = api.post("/api/projects", {"name": "x", "id": bad})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == ["id"]
    assert not Project.objects.exists()


def test_an_id_is_given_once(api):
    ProjectFactory(pk="one", name="Before")
    answer = api.post("/api/projects", {"name": "After", "id": "one"})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == ["id"]
    assert Project.objects.get().name == "Before"


def test_projects_are_listed_by_name(api):
    for name in ("b", "c", "a"):
        ProjectFactory(name=name)
    assert [one["name"] for one in api.get("/api/projects").json()] == ["a", "b", "c"]


def test_patch_changes_what_it_names(api):
    project = ProjectFactory(name="Before")
    path = f"/api/projects/{project.pk}"
    assert api.patch(path, {"description": "d"}).json()["description"] == "d"
    assert api.patch(path, {"name": "After", "id": "new"}).json()["name"] == "After"
    assert api.get(path).json()["id"] == project.pk
    assert api.patch(path, {"name": ""}).status_code == 400
    assert api.get(path).json()["name"] == "After"


def test_an_empty_patch_changes_nothing(api):
    path = f"/api/projects/{ProjectFactory().pk}"
    before = api.get(path).json()
    assert api.patch(path, {}).json() == before


def test_what_belongs_to_a_project_outlives_it(api):
    project = ProjectFactory()
    TaskFactory(project=project)
    DocumentFactory(project=project)
    PermissionRuleFactory(project=project)
    answer = api.delete(f"/api/projects/{project.pk}")
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert Task.objects.get().project_id is None
    assert Document.objects.get().project_id is None
    assert not PermissionRule.objects.exists()  # else it would hold everywhere
    assert api.delete(f"/api/projects/{project.pk}").status_code == 404
