"""Questions of agents in the admin: a form with the choices, and room for one's own words."""

import pytest
from django.urls import reverse

from tests.tasks.admin.pages import login_operator, page, press, select
from tests.tasks.api.test_questions import DATABASE, TOOLS, asked

pytestmark = pytest.mark.django_db


def answer(client, question, **form):
    url = reverse("admin:tasks_permissionrequest_answer", args=[question.pk])
    text = press(client, url, decision="allow", **form)
    question.refresh_from_db()
    return text


def test_a_task_page_and_the_request_itself_show_the_form(admin_client):
    question = asked(DATABASE, TOOLS)
    for text in (
        page(admin_client, "tasks_task_change", question.task_id),
        page(admin_client, "tasks_permissionrequest_change", question.pk),
    ):
        assert "The agent asks you" in text
        assert "Which database?" in text
        assert 'type="radio" name="choice-0" value="PostgreSQL"' in text
        assert 'type="checkbox" name="choice-1" value="ruff"' in text
        assert "A server." in text
        assert "Allow always" not in text


@pytest.mark.parametrize(
    ("form", "given"),
    [
        ({"choice-0": "SQLite"}, {"Which database?": "SQLite"}),
        ({"text-0": "neither"}, {"Which database?": "neither"}),
        (
            {"choice-0": "SQLite", "text-0": "for now SQLite"},
            {"Which database?": "for now SQLite"},
        ),
        (
            {"choice-1": ["ruff", "mypy"], "text-1": "and black"},
            {"Which tools?": ["ruff", "mypy", "and black"]},
        ),
    ],
)
def test_what_is_chosen_or_typed_is_the_answer(admin_client, form, given):
    question = asked(DATABASE, TOOLS)
    assert "Answered: The agent asks" in answer(admin_client, question, **form)
    assert question.decided_input["answers"] == given
    assert question.decided_by == "admin"


@pytest.mark.parametrize("form", [{}, {"text-0": "  "}, {"text-7": "x"}])
def test_an_empty_answer_is_asked_for_again(admin_client, form):
    question = asked()
    assert "Choose an answer, or write one." in answer(admin_client, question, **form)
    assert question.status == "pending"


def test_who_does_not_answer_says_why(admin_client):
    question = asked()
    url = reverse("admin:tasks_permissionrequest_answer", args=[question.pk])
    text = press(admin_client, url, decision="deny", message="decide yourself")
    assert "Not answered: The agent asks" in text
    question.refresh_from_db()
    assert (question.status, question.decision_message) == ("denied", "decide yourself")


def test_several_at_once_are_no_way_to_answer(admin_client):
    question = asked()
    text = select(admin_client, "permissionrequest", "allow_selected", question)
    assert "A question is answered on its own page" in text
    question.refresh_from_db()
    assert question.status == "pending"


def test_who_may_only_look_sees_the_question_and_no_form(client):
    login_operator(client, "view_permissionrequest", "view_task")
    question = asked()
    text = page(client, "tasks_permissionrequest_change", question.pk)
    assert "Which database?" in text
    assert "choice-0" not in text
