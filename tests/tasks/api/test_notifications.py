"""What agents wait for is found by task and by status."""

import pytest

from tasks.models import PermissionRequest
from tests.factories import PermissionRequestFactory


def found(api, query):
    answer = api.get(f"/api/notifications{query}")
    assert answer.status_code == 200
    return [one["id"] for one in answer.json()]


def test_what_waits_is_found_by_task_and_status(api):
    first, second = PermissionRequestFactory.create_batch(2)
    assert found(api, "") == [second.pk, first.pk]
    assert found(api, f"?taskId={first.task_id}&status=pending") == [first.pk]
    body = {"notificationId": first.pk, "behavior": "allow"}
    api.post(f"/api/tasks/{first.task_id}/respond", body)
    assert found(api, f"?taskId={first.task_id}&status=pending") == []
    assert found(api, "?status=allowed") == [first.pk]


@pytest.mark.parametrize(
    "task_id", ["none", "", "7f9c1c1e-3a52-4b0a-9d86-0d8d2f1f6f10"]
)
def test_an_unknown_task_has_no_notifications(api, task_id):
    PermissionRequestFactory()
    assert found(api, f"?taskId={task_id}") == []


@pytest.mark.parametrize("status", ["answered", "PENDING", "%00"])
def test_an_unknown_status_is_a_field_error(api, status):
    answer = api.get(f"/api/notifications?status={status}")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == ["status"]


def test_a_notification_tells_all_that_a_person_needs(api):
    request = PermissionRequestFactory()
    shown = api.get(f"/api/notifications/{request.pk}").json()
    assert shown == api.get("/api/notifications").json()[0]
    assert shown["notificationId"] == shown["id"] == request.pk
    assert shown["taskId"] == str(request.task_id)
    assert shown["toolInput"] == request.tool_input
    assert (shown["action"], shown["status"]) == ("write:/reports/q4.md", "pending")
    assert shown["decidedAt"] is shown["decidedBy"] is shown["decisionMessage"] is None


def test_every_status_can_be_asked_for(api):
    for status in PermissionRequest.Status.values:
        assert found(api, f"?status={status}") == []
