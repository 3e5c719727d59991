"""A person answers an agent: allow or deny, once, and perhaps for always."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tasks.models import LogEntry, PermissionRule
from tasks.rules import patterns
from tests.factories import (
    PermissionRequestFactory,
    PermissionRuleFactory,
    ProjectFactory,
    RunFactory,
    TaskFactory,
)


def respond(api, request, task=None, **body):
    body = {"notificationId": request.pk, "behavior": "allow", **body}
    return api.post(f"/api/tasks/{(task or request.task).pk}/respond", body)


def assert_still_pending(request):
    request.refresh_from_db()
    assert request.status == "pending"
    assert request.decided_input is None
    assert not PermissionRule.objects.exists()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("behavior", "status"), [("allow", "allowed"), ("deny", "denied")]
)
def test_an_answer_is_kept_and_logged(api, behavior, status):
    request = PermissionRequestFactory()
    answer = respond(api, request, behavior=behavior, message="be careful")
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    request.refresh_from_db()
    assert (request.status, request.decided_by) == (status, "api")
    assert request.decision_message == "be careful"
    assert request.decided_at is not None
    entry = LogEntry.objects.get()
    assert entry.event_type == "permission_response"
    assert entry.data["notificationId"] == request.pk
    assert entry.data["behavior"] == behavior
    assert "be careful" in entry.message


@pytest.mark.parametrize("second", ["allow", "deny"])
def test_the_first_answer_wins(api, second):
    request = PermissionRequestFactory()
    respond(api, request)
    answer = respond(api, request, behavior=second, message="too late")
    assert answer.status_code == 409
    assert "allowed by api" in answer.json()["error"]
    request.refresh_from_db()
    assert (request.status, request.decision_message) == ("allowed", "")
    assert LogEntry.objects.count() == 1


def test_a_withdrawn_request_is_a_409(api):
    request = PermissionRequestFactory(status="withdrawn")
    answer = respond(api, request, alwaysAllow=True)
    assert answer.status_code == 409
    assert "no longer waits" in answer.json()["error"]
    assert not PermissionRule.objects.exists()


@pytest.mark.parametrize("verb", ["delete", "patch"])
def test_what_ended_the_task_withdrew_the_request(api, verb):
    request = PermissionRequestFactory()
    getattr(api, verb)(f"/api/tasks/{request.task_id}", {"status": "failed"})
    assert respond(api, request).status_code == (404 if verb == "delete" else 409)


def test_a_request_of_another_task_is_not_found(api):
    request = PermissionRequestFactory()
    answer = respond(api, request, task=TaskFactory())
    assert answer.status_code == 404
    assert answer.json() == {"error": "Notification not found"}
    assert_still_pending(request)


@pytest.mark.parametrize(
    "name",
    ["none", "notif-456", "x" * 5000, "😀", "7f9c1c1e-3a52-4b0a-9d86-0d8d2f1f6f10"],
)
def test_an_unknown_request_is_not_found(api, name):
    task = RunFactory().task
    body = {"notificationId": name, "behavior": "allow"}
    assert api.post(f"/api/tasks/{task.pk}/respond", body).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("notificationId", ""),
        ("notificationId", 1),
        ("notificationId", "\0"),
        ("behavior", "maybe"),
        ("behavior", None),
        ("message", 1),
        ("message", "\0"),
        ("updatedInput", []),
        ("updatedInput", None),
        ("updatedInput", {"path": "\0"}),
        ("alwaysAllow", "yes"),
        ("permissionPattern", 1),
    ],
)
def test_a_bad_answer_is_a_field_error_and_answers_nothing(api, field, value):
    request = PermissionRequestFactory()
    answer = respond(api, request, **{field: value})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == [field]
    assert_still_pending(request)


# --- Edited input ------------------------------------------------------------------------


def test_an_edit_takes_the_place_of_what_the_tool_was_given(api):
    request = PermissionRequestFactory()
    assert respond(api, request, updatedInput={"content": "Q3"}).status_code == 200
    request.refresh_from_db()
    assert request.decided_input == {"path": "/reports/q4.md", "content": "Q3"}
    assert request.tool_input["content"] == "Q4"
    assert "edited" in LogEntry.objects.get().message


def test_without_an_edit_the_input_stays(api):
    request = PermissionRequestFactory()
    respond(api, request, updatedInput={})
    request.refresh_from_db()
    assert request.decided_input == request.tool_input


@pytest.mark.parametrize(
    "edit",
    [
        {"mode": "777"},
        {"content": "Q3", "mode": "777"},
        {"content": 3},
        {"content": None},
        {"content": ["Q3"]},
        {"overwrite": 1},
        {"overwrite": "true"},
        {"lines": True},
        {"lines": "3"},
        {"tags": {"0": "a"}},
        {"options": []},
        {"": ""},
    ],
)
def test_an_edit_keeps_keys_and_types(api, edit):
    given = {
        "content": "Q4",
        "overwrite": False,
        "lines": 3,
        "tags": ["a"],
        "options": {},
    }
    request = PermissionRequestFactory(tool_input=given)
    answer = respond(api, request, updatedInput=edit)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == ["updatedInput"]
    assert_still_pending(request)


def test_an_integer_may_become_a_float(api):
    request = PermissionRequestFactory(tool_input={"seconds": 3})
    assert respond(api, request, updatedInput={"seconds": 2.5}).status_code == 200


# --- Always ------------------------------------------------------------------------------


def rules():
    return [(rule.pattern, rule.effect) for rule in PermissionRule.objects.all()]


def test_always_keeps_the_pattern_as_a_rule(api):
    request = PermissionRequestFactory()
    pattern = "write:/reports/*"
    respond(api, request, alwaysAllow=True, permissionPattern=pattern)
    rule = PermissionRule.objects.get()
    assert (rule.pattern, rule.effect, rule.created_by) == (pattern, "allow", "api")
    assert (rule.task, rule.project) == (None, None)


def test_the_rule_of_a_projects_task_is_the_projects(api):
    task = TaskFactory(status="running", project=ProjectFactory())
    respond(api, PermissionRequestFactory(run__task=task), alwaysAllow=True)
    assert PermissionRule.objects.get().project == task.project


def test_without_a_pattern_the_rule_is_for_this_action(api):
    respond(api, PermissionRequestFactory(), alwaysAllow=True)
    assert rules() == [("write:/reports/q4.md", "allow")]


@pytest.mark.parametrize(
    "action", ["run:git *", "write:/reports/*", "write:/**", "read:/a?.txt"]
)
def test_an_action_with_a_wildcard_in_it_becomes_no_wider_rule(api, action):
    request = PermissionRequestFactory(action=action)
    respond(api, request, alwaysAllow=True)
    wider = action.replace("*", "other").replace("?", "b")
    assert not any(patterns.covers(pattern, wider) for pattern, _ in rules())


def test_an_edited_call_does_not_allow_the_one_that_was_not_wanted(api):
    request = PermissionRequestFactory()
    edit = {"path": "/elsewhere.md"}
    respond(api, request, alwaysAllow=True, updatedInput=edit)
    assert rules() != [("write:/reports/q4.md", "allow")]


@pytest.mark.parametrize(
    "body",
    [
        {"permissionPattern": "write:/reports/*"},
        {"alwaysAllow": False, "permissionPattern": "write:/reports/*"},
        {"alwaysAllow": True, "behavior": "deny"},
    ],
)
def test_only_always_and_allow_together_keep_a_rule(api, body):
    assert respond(api, PermissionRequestFactory(), **body).status_code == 200
    assert rules() == []


@pytest.mark.parametrize(
    "pattern",
    [
        "nonsense",
        "delete:/x",
        "write:",
        "run",
        "run:",
        "run:*",
        "write:/a\nb",
        "write:/\u202e",
        "write:/" + "x" * 2000,
    ],
)
def test_a_pattern_that_can_be_no_rule_is_a_field_error(api, pattern):
    request = PermissionRequestFactory()
    answer = respond(api, request, alwaysAllow=True, permissionPattern=pattern)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == ["permissionPattern"]
    assert_still_pending(request)


def test_the_same_rule_is_kept_once(api):
    for _ in range(2):
        assert respond(api, PermissionRequestFactory(), alwaysAllow=True)
    assert len(rules()) == 1


def test_a_rule_that_expired_does_not_stand_for_always(api):
    PermissionRuleFactory(
        pattern="write:/reports/q4.md",
        expires_at=timezone.now() - timedelta(seconds=1),
    )
    respond(api, PermissionRequestFactory(), alwaysAllow=True)
    assert PermissionRule.objects.valid().exists()


def test_two_equal_rules_are_no_server_error(api):
    PermissionRuleFactory.create_batch(2, pattern="write:/reports/q4.md")
    assert respond(api, PermissionRequestFactory(), alwaysAllow=True).status_code == 200
