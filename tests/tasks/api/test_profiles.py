"""/api/profiles: those of files are read and copied, those of rows made, changed and removed."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import catalog
from tasks.models import Run, StoredProfile
from tests.factories import TaskFactory

pytestmark = pytest.mark.django_db

OWN = {
    "id": "own",
    "name": "Own",
    "description": "Of this test.",
    "instructions": "Be brief.",
}


def create(api, **body):
    return api.post("/api/profiles", {**OWN, **body}, format="json")


def errors(response):
    assert response.status_code == 400, response.json()
    return response.json()["error"]["fieldErrors"]


def test_one_is_made_read_changed_and_removed(api):
    settings = {
        "tags": ["a"],
        "author": "Ann",
        "runtimes": ["anthropic-direct"],
        "tools": ["read"],
        "allowed": ["read"],
        "denied": ["fetch"],
        "network": True,
        "model": "claude-opus-5-5",
        "models": {"ollama": "qwen3:8b"},
        "effort": "high",
        "maxTurns": 7,
        "maxBudgetUsd": 0.5,
        "domain": "writing",
    }
    made = create(api, **settings)
    assert made.status_code == 201, made.json()
    expected = {**OWN, **settings, "source": "database", "readOnly": False}
    assert made.json().items() >= expected.items()
    expected = made.json()
    assert api.get("/api/profiles/own").json() == expected
    assert "own" in [one["id"] for one in api.get("/api/profiles").json()]
    body = {"effort": None, "maxTurns": 9, "tools": None}
    changed = api.patch("/api/profiles/own", body, format="json").json()
    assert (changed["effort"], changed["maxTurns"]) == (None, 9)
    assert changed["tools"] == list(catalog.TOOL_NAMES)
    assert changed["model"] == "claude-opus-5-5"
    assert api.delete("/api/profiles/own").json() == {"success": True}
    assert api.get("/api/profiles/own").status_code == 404
    assert api.delete("/api/profiles/own").status_code == 404
    assert api.patch("/api/profiles/own", {}, format="json").status_code == 404


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("id", "No!", "small letters"),
        ("id", "general", "A profile with this id exists"),
        ("name", " ", "Must be some text"),
        ("name", None, "Expected string"),
        ("instructions", 3, "Expected string"),
        ("allowed", ["nonsense:x"], ""),
        ("allowed", "read", "Expected array"),
        ("runtimes", ["nowhere"], "Invalid enum value"),
        ("tools", ["nothing"], "Invalid enum value"),
        ("model", "-p", "A model's name begins"),
        ("models", {"nowhere": "x"}, "Nowhere is none of"),
        ("models", {"ollama": ""}, "must be some text"),
        ("effort", "banana", "Invalid enum value"),
        ("maxTurns", 0, "greater than or equal to 1"),
        ("maxBudgetUsd", 0, "greater than 0"),
        ("network", "yes", "Expected boolean"),
        ("hooks", {}, "Unrecognized key"),
        ("copyOf", "nobody", "Profile not found"),
    ],
)
def test_what_cannot_be_is_an_error_of_its_field_and_nothing_is_made(
    api, name, value, problem
):
    found = errors(create(api, **{name: value}))
    assert list(found) == [name]
    assert problem in found[name][0]
    assert not StoredProfile.objects.exists()


def test_several_mistakes_are_told_at_once(api):
    found = errors(create(api, model="-p", allowed=["nonsense:x"]))
    assert set(found) == {"model", "allowed"}


def test_what_is_needed_is_told(api):
    found = errors(api.post("/api/profiles", {"id": "own"}, format="json"))
    assert found == {
        name: ["Required"] for name in ("name", "description", "instructions")
    }


def test_a_change_that_is_refused_changes_nothing(api):
    create(api, effort="low")
    for body in ({"effort": "max", "maxTurns": 0}, {"effort": "max", "hooks": 1}):
        errors(api.patch("/api/profiles/own", body, format="json"))
    assert api.get("/api/profiles/own").json()["effort"] == "low"


def test_those_of_files_are_read_only_and_can_be_copied(api):
    url = "/api/profiles/code-reviewer"
    whole = api.get(url).json()
    assert whole["readOnly"]
    for refused in (api.patch(url, {"effort": "max"}, format="json"), api.delete(url)):
        assert refused.status_code == 403
        assert "copyOf" in refused.json()["error"]
    assert api.get(url).json() == whole
    body = {"id": "mine", "copyOf": "code-reviewer", "effort": "max"}
    copied = api.post("/api/profiles", body, format="json")
    assert copied.status_code == 201, copied.json()
    own = {"id": "mine", "effort": "max", "source": "database", "readOnly": False}
    scope = {"isBuiltin": False, "scope": "user"}
    assert copied.json() == {**whole, **own, **scope}


FAMILY = {
    "id": "theirs",
    "name": "Theirs",
    "description": "As another product says it.",
    "skillMd": "Be brief.",
    "allowedTools": ["read"],
    "supportedRuntimes": ["anthropic-direct", "ollama"],
    "canUseToolPolicy": {"autoApprove": ["read"], "autoDeny": ["fetch"]},
    "capabilityOverrides": {"ollama": {"modelId": "qwen3:8b"}},
}


def test_the_names_of_the_product_family_are_read_and_shown(api):
    made = api.post("/api/profiles", FAMILY, format="json")
    assert made.status_code == 201, made.json()
    assert made.json().items() >= FAMILY.items()
    found = made.json()
    assert found["instructions"] == "Be brief."
    assert (found["tools"], found["allowed"], found["denied"]) == (
        ["read"],
        ["read"],
        ["fetch"],
    )
    assert found["runtimes"] == ["anthropic-direct", "ollama"]
    assert found["models"] == {"ollama": "qwen3:8b"}
    url = "/api/profiles/theirs"
    body = {"canUseToolPolicy": None, "capabilityOverrides": None, "name": "T"}
    changed = api.put(url, body, format="json").json()
    assert (changed["allowed"], changed["denied"], changed["models"]) == ([], [], {})
    assert (changed["name"], changed["skillMd"]) == ("T", "Be brief.")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tools": ["read"], "allowedTools": ["list"]}, "allowedTools"),
        ({"allowedTools": ["Bash"]}, "allowedTools"),
        ({"supportedRuntimes": ["nowhere"]}, "supportedRuntimes"),
        ({"canUseToolPolicy": {"autoApprove": ["nonsense:x"]}}, "canUseToolPolicy"),
        ({"canUseToolPolicy": {"ask": []}}, "canUseToolPolicy"),
        ({"capabilityOverrides": {"ollama": {"modelId": 3}}}, "capabilityOverrides"),
        (
            {"capabilityOverrides": {"ollama": {"serverTools": {}}}},
            "capabilityOverrides",
        ),
    ],
)
def test_a_mistake_is_told_under_the_name_that_was_given(api, body, field):
    assert list(errors(create(api, **body))) == [field]
    assert not StoredProfile.objects.exists()


def test_the_second_of_one_id_is_refused_by_the_database(api, monkeypatch):
    create(api)
    monkeypatch.setattr(catalog, "profile", lambda profile_id: None)  # as it was before
    assert "exists" in errors(create(api, name="Other"))["id"][0]
    assert StoredProfile.objects.get().settings["name"] == "Own"


def test_a_task_runs_as_it(api, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    create(api, model="claude-opus-5-5", maxBudgetUsd=0.5)
    task = TaskFactory(
        status="queued", agent_profile="own", assigned_agent="anthropic-direct"
    )
    assert api.post(f"/api/tasks/{task.pk}/execute").status_code == 202
    run = Run.objects.get()
    assert (run.profile, run.model) == ("own", "claude-opus-5-5")


def test_one_that_is_gone_starts_nothing(api):
    create(api)
    task = TaskFactory(status="queued", agent_profile="own")
    api.delete("/api/profiles/own")
    refused = api.post(f"/api/tasks/{task.pk}/execute")
    assert refused.status_code == 400
    task.refresh_from_db()
    assert task.status == "queued"


def test_tasks_without_one_ask_no_rows(api):
    with CaptureQueriesContext(connection) as asked:
        api.post("/api/tasks", {"title": "T", "agentProfile": "general"}, format="json")
        catalog.classify("Review this code")
    assert not any("storedprofile" in query["sql"] for query in asked)
