"""The command `respond`."""

import pytest

from tasks.models import (
    PermissionRequest,
    PermissionRule,
)
from tests.factories import (
    PermissionRequestFactory,
)
from tests.tasks.api.test_questions import DATABASE, TOOLS, asked
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


def test_a_question_is_answered():
    question = asked(DATABASE, TOOLS)
    answers = ("--answer", "SQLite", "--answer", "ruff, mypy")
    shown = manage("respond", question.pk, "allow", *answers, "--json").json
    assert shown["answers"] == {
        "Which database?": ["SQLite"],
        "Which tools?": ["ruff", "mypy"],
    }


@pytest.mark.parametrize(
    "options",
    [
        ["allow", "--answer", "SQLite"],
        ["allow", "--answer", "SQLite", "--answer", " "],
        ["deny", "--answer", "SQLite", "--answer", "ruff"],
        ["allow", "--always", "read"],
    ],
)
def test_what_is_no_answer_to_a_question_answers_nothing(options):
    question = asked(DATABASE, TOOLS)
    assert manage("respond", question.pk, *options).code == 2
    assert PermissionRequest.objects.pending().exists()


def test_a_permission_is_not_answered_like_a_question():
    request = PermissionRequestFactory()
    result = manage("respond", request.pk, "allow", "--answer", "SQLite")
    assert (result.code, "0 questions asked" in result.err) == (2, True)


def test_a_request_that_is_not_there_is_not_found():
    result = manage("respond", "notif-456", "allow")
    assert result.code == 2
    assert "manage.py tasks --waiting" in result.err
