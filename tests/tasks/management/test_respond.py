"""The command `respond`."""

import pytest

from tasks.models import (
    PermissionRequest,
    PermissionRule,
)
from tests.factories import (
    PermissionRequestFactory,
)
from tests.tasks.management.commands import manage

pytestmark = pytest.mark.django_db


def test_a_request_is_allowed_from_now_on():
    request = PermissionRequestFactory()
    result = manage("respond", request.pk, "allow", "--always", "write:/reports/*")
    assert result.out == "Allowed: Writing /reports/q4.md\n"
    request.refresh_from_db()
    assert request.status == "allowed"
    assert request.decided_by.startswith("manage.py")
    assert PermissionRule.objects.get().pattern == "write:/reports/*"


def test_a_request_is_denied_with_a_word_to_the_agent():
    request = PermissionRequestFactory()
    answer = manage(
        "respond", request.pk[:30], "deny", "--message", "Not there.", "--json"
    ).json
    assert (answer["notificationId"], answer["status"]) == (request.pk, "denied")
    assert answer["decisionMessage"] == "Not there."


def test_the_second_answer_is_refused():
    request = PermissionRequestFactory(status="allowed", decided_by="ann")
    result = manage("respond", request.pk, "deny")
    assert result.code == 1
    assert "Already responded: allowed by ann" in result.err


@pytest.mark.parametrize(
    "options", [["deny", "--always", "read"], ["allow", "--always", "eat:cake"]]
)
def test_a_rule_that_cannot_be_kept_answers_nothing(options):
    request = PermissionRequestFactory()
    assert manage("respond", request.pk, *options).code == 2
    assert PermissionRequest.objects.pending().exists()


def test_a_request_that_is_not_there_is_not_found():
    result = manage("respond", "notif-456", "allow")
    assert result.code == 2
    assert "manage.py tasks --waiting" in result.err
