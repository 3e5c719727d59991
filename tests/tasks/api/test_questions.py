"""A person answers a question of an agent: with a choice, with several, with free text."""

import pytest

from tasks.models import LogEntry
from tasks.models.permission import Decision
from tests.factories import PermissionRequestFactory

pytestmark = pytest.mark.django_db

DATABASE = {
    "question": "Which database?",
    "header": "Database",
    "options": [
        {"label": "SQLite", "description": "A file."},
        {"label": "PostgreSQL", "description": "A server."},
    ],
    "multiSelect": False,
}
TOOLS = {
    "question": "Which tools?",
    "header": "Tools",
    "options": [{"label": "ruff"}, {"label": "mypy"}],
    "multiSelect": True,
}


def asked(*questions, **fields):
    return PermissionRequestFactory(
        tool_name="ask",
        tool_input={"questions": list(questions or [DATABASE])},
        action="ask:Which database?",
        message="The agent asks: Which database?",
        is_question=True,
        **fields,
    )


def respond(api, request, **body):
    body = {"notificationId": request.pk, "behavior": "allow", **body}
    return api.post(f"/api/tasks/{request.task_id}/respond", body)


def answer(api, request, answers):
    return respond(api, request, updatedInput={"answers": answers})


def test_a_question_is_a_notification_of_its_own_type(api):
    permission, question = PermissionRequestFactory(), asked()
    shown = api.get(f"/api/notifications/{question.pk}").json()
    assert (shown["type"], shown["answers"]) == ("question", {})
    assert shown["toolInput"] == {"questions": [DATABASE]}
    listed = {one["id"]: one["type"] for one in api.get("/api/notifications").json()}
    assert listed == {permission.pk: "permission_request", question.pk: "question"}
    for kind, only in (("question", question), ("permission_request", permission)):
        found = api.get(f"/api/notifications?type={kind}").json()
        assert [one["id"] for one in found] == [only.pk]
    assert api.get("/api/notifications?type=other").status_code == 400


@pytest.mark.parametrize("said", ["PostgreSQL", "neither of them"])
def test_a_choice_or_free_text_is_the_answer(api, said):
    question = asked()
    assert answer(api, question, {"Which database?": said}).status_code == 200
    question.refresh_from_db()
    assert question.status == "allowed"
    assert question.decided_input == {
        "questions": [DATABASE],
        "answers": {"Which database?": said},
    }
    shown = api.get(f"/api/notifications/{question.pk}").json()
    assert shown["answers"] == {"Which database?": [said]}
    entry = LogEntry.objects.get()
    assert entry.message == (
        f"Answered by api: {said} (The agent asks: Which database?)"
    )


def test_several_questions_are_answered_together_and_one_may_be_left_out(api):
    question = asked(DATABASE, TOOLS)
    assert answer(api, question, {"Which tools?": ["ruff", "mypy"]}).status_code == 200
    question.refresh_from_db()
    assert question.decided_input["answers"] == {"Which tools?": ["ruff", "mypy"]}


def test_the_message_is_the_answer_to_an_only_question(api):
    question = asked()
    assert respond(api, question, message="SQLite will do").status_code == 200
    question.refresh_from_db()
    assert question.decided_input["answers"] == {"Which database?": "SQLite will do"}


def test_who_does_not_answer_may_say_why(api):
    question = asked()
    response = respond(api, question, behavior="deny", message="decide yourself")
    assert response.status_code == 200
    question.refresh_from_db()
    assert (question.status, question.decision_message) == ("denied", "decide yourself")
    assert "Not answered by api: decide yourself" in LogEntry.objects.get().message


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"updatedInput": {}}, "updatedInput"),
        ({"updatedInput": {"answers": {}}}, "updatedInput"),
        ({"updatedInput": {"answers": "SQLite"}}, "updatedInput"),
        ({"updatedInput": {"answers": {"Which?": "x"}}}, "updatedInput"),
        ({"updatedInput": {"answers": {"Which database?": ""}}}, "updatedInput"),
        ({"updatedInput": {"answers": {"Which database?": 7}}}, "updatedInput"),
        ({"updatedInput": {"answers": {"Which database?": []}}}, "updatedInput"),
        ({"updatedInput": {"answers": {"Which database?": ["a", 7]}}}, "updatedInput"),
        (
            {"updatedInput": {"answers": {"Which database?": "x" * 10_001}}},
            "updatedInput",
        ),
        ({"updatedInput": {"questions": []}}, "updatedInput"),
        (
            {"updatedInput": {"answers": {"Which database?": "x"}, "questions": []}},
            "updatedInput",
        ),
        ({"alwaysAllow": True}, "alwaysAllow"),
    ],
)
def test_what_is_no_answer_is_a_field_error_and_answers_nothing(api, body, field):
    question = asked()
    response = respond(api, question, **body)
    assert response.status_code == 400
    assert list(response.json()["error"]["fieldErrors"]) == [field]
    question.refresh_from_db()
    assert (question.status, question.decided_input) == ("pending", None)


def test_the_first_answer_wins(api):
    question = asked()
    question.decide(Decision(True, by="ada", message="SQLite"))
    assert answer(api, question, {"Which database?": "PostgreSQL"}).status_code == 409
    question.refresh_from_db()
    assert question.decided_input["answers"] == {"Which database?": "SQLite"}


@pytest.mark.parametrize(
    "tool_input",
    [{}, {"questions": "what"}, {"questions": [7, {}, {"question": ""}]}],
)
def test_a_question_that_an_agent_has_garbled_can_still_be_answered(api, tool_input):
    question = asked()
    question.tool_input = tool_input
    question.save()
    assert api.get(f"/api/notifications/{question.pk}").status_code == 200
    assert respond(api, question, message="whatever").status_code == 200
