"""Rules are made, found and revoked over the API."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from tasks.models import PermissionRule
from tests.factories import PermissionRuleFactory, ProjectFactory, TaskFactory

NOWHERE = "7f9c1c1e-3a52-4b0a-9d86-0d8d2f1f6f10"
RULE = {"pattern": "write:/reports/*", "effect": "allow"}


def listed(api, query=""):
    answer = api.get(f"/api/permissions{query}")
    assert answer.status_code == 200, answer.content
    return [int(rule["id"]) for rule in answer.json()]


def refused(api, **changes):
    body = {key: value for key, value in {**RULE, **changes}.items() if value != ...}
    answer = api.post("/api/permissions", body)
    assert answer.status_code == 400, answer.content
    assert not PermissionRule.objects.exists()
    return answer.json()["error"]["fieldErrors"]


def test_a_rule_is_made_for_everything(api):
    answer = api.post("/api/permissions", RULE)
    assert answer.status_code == 201
    rule = answer.json()
    assert rule.pop("createdAt").endswith("Z")
    assert rule == {
        "id": str(PermissionRule.objects.get().pk),
        **RULE,
        "scope": "everywhere",
        "taskId": None,
        "projectId": None,
        "createdBy": "api",
        "expiresAt": None,
        "isExpired": False,
        "useCount": 0,
        "lastUsedAt": None,
    }


def test_a_rule_is_made_for_a_task_or_a_project(api):
    task, project = TaskFactory(), ProjectFactory()
    for scope, key, of in (
        ("task", "taskId", str(task.pk)),
        ("project", "projectId", project.pk),
    ):
        made = api.post("/api/permissions", {**RULE, key: of}).json()
        assert (made["scope"], made[key]) == (scope, of)
        assert api.get(f"/api/permissions/{made['id']}").json() == made


def test_a_rule_may_expire(api):
    body = {**RULE, "expiresAt": "2100-01-02T03:04:05+01:00"}
    made = api.post("/api/permissions", body).json()
    assert made["expiresAt"] == "2100-01-02T02:04:05.000Z"


def test_an_expired_rule_says_so(api):
    rule = PermissionRuleFactory(expires_at=timezone.now() - timedelta(hours=1))
    assert api.get(f"/api/permissions/{rule.pk}").json()["isExpired"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("pattern", ..., "Required"),
        ("pattern", "", "String must contain at least 1 character(s)"),
        ("pattern", 1, "Expected string, received number"),
        ("pattern", "sing:/x", "A pattern starts with one of"),
        ("pattern", "run", "“run” alone would allow any command"),
        ("pattern", "run:", "Say what after the colon"),
        ("pattern", "run:python3 *", "“python” runs whatever it is given"),
        ("pattern", "run:sudo ls", "“sudo” runs what it is given"),
        ("pattern", "run:ls; rm x", "A rule for “run” names one simple command"),
        ("pattern", "write:/\u202e", "A pattern has no control or invisible"),
        ("effect", ..., "Required"),
        ("effect", "maybe", "Invalid enum value. Expected 'allow' | 'deny'"),
        ("taskId", NOWHERE, "Task not found"),
        ("taskId", "x", "Task not found"),
        ("projectId", "x", "Project not found"),
        ("projectId", "\0", "String must not contain NUL characters"),
        ("expiresAt", "tomorrow", "Invalid datetime"),
        ("expiresAt", "2100-13-01T00:00:00Z", "Invalid datetime"),
        ("expiresAt", "0001-01-01T00:00:00+23:59", "Invalid datetime"),
        ("expiresAt", "9999-12-31T23:59:59-23:59", "Invalid datetime"),
        ("expiresAt", "2100-01-01T00:00:00", "Invalid datetime"),
        ("expiresAt", "2020-01-01T00:00:00Z", "This time is past."),
    ],
)
def test_a_rule_that_cannot_be_is_a_field_error(api, field, value, message):
    errors = refused(api, **{field: value})
    assert list(errors) == [field]
    assert errors[field][0].startswith(message)


def test_a_rule_has_one_scope(api):
    task, project = TaskFactory(), ProjectFactory()
    errors = refused(api, taskId=str(task.pk), projectId=project.pk)
    assert errors == {"taskId": ["A rule holds for a project or for a task, not both"]}


@pytest.mark.parametrize("pattern", ["run", "run:python *", "run:rm -rf *", "write"])
def test_what_may_not_be_allowed_may_be_denied(api, pattern):
    body = {"pattern": pattern, "effect": "deny"}
    assert api.post("/api/permissions", body).status_code == 201


def test_the_list_is_narrowed_down(api):
    task, project = TaskFactory(), ProjectFactory()
    everywhere = PermissionRuleFactory().pk
    of_task = PermissionRuleFactory(task=task).pk
    of_project = PermissionRuleFactory(project=project).pk
    assert listed(api) == [of_project, of_task, everywhere]
    assert listed(api, f"?taskId={task.pk}") == [of_task]
    assert listed(api, f"?projectId={project.pk}") == [of_project]
    assert listed(api, "?scope=everywhere") == [everywhere]
    assert listed(api, "?scope=task") == [of_task]
    assert listed(api, "?scope=project") == [of_project]
    assert listed(api, f"?taskId={NOWHERE}") == []


@pytest.mark.parametrize(
    "query", ["scope=all", "limit=0", "limit=x", "cursor=x", "taskId=x"]
)
def test_a_query_that_means_nothing_is_a_field_error(api, query):
    answer = api.get(f"/api/permissions?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == [query.partition("=")[0]]


def test_pages_follow_one_another(api):
    made = [PermissionRuleFactory().pk for _ in range(5)]
    seen, url = [], "/api/permissions?limit=2&scope=everywhere"
    while url:
        answer = api.get(url)
        seen.append([int(rule["id"]) for rule in answer.json()])
        url = answer.get("Link", "").partition(">")[0].removeprefix("<")
    assert seen == [made[:-3:-1], made[2:0:-1], made[:1]]


def test_without_a_limit_all_are_listed(api):
    PermissionRuleFactory.create_batch(101)
    answer = api.get("/api/permissions")
    assert (len(answer.json()), "Link" in answer) == (101, False)
    assert "Link" in api.get("/api/permissions?limit=100")


def test_a_long_list_streams(api):
    PermissionRule.objects.bulk_create(
        PermissionRule(pattern=f"read:/{n}", effect="allow") for n in range(1_301)
    )
    answer = api.get("/api/permissions")
    assert answer.streaming
    rules = json.loads(b"".join(answer.streaming_content))
    assert [rule["pattern"] for rule in rules] == [
        f"read:/{n}" for n in range(1_300, -1, -1)
    ]


def test_a_revoked_rule_is_gone(api):
    rule = PermissionRuleFactory()
    answer = api.delete(f"/api/permissions/{rule.pk}")
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert not PermissionRule.objects.exists()
    for send in (api.get, api.delete):
        answer = send(f"/api/permissions/{rule.pk}")
        assert (answer.status_code, answer.json()) == (404, {"error": "Rule not found"})
