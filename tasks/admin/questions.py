"""A question of an agent as a form: its choices, and room for an answer of one's own."""

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.safestring import SafeString

from tasks.admin import display
from tasks.models import PermissionRequest
from tasks.models.permission import JSON, Decision
from tasks.rules import questions


@dataclass(frozen=True)
class Choice:
    """One of the answers that a question offers."""

    label: SafeString
    value: str
    description: SafeString


@dataclass(frozen=True)
class QuestionFields:
    """One question; its fields are `choice-N` and `text-N`."""

    number: int
    text: SafeString
    header: SafeString
    choices: list[Choice]
    takes_several: bool


def make_fields(request: PermissionRequest) -> list[QuestionFields]:
    if not request.is_question:
        return []
    asked = questions.find_questions(request.tool_input)
    return [_fields(number, question) for number, question in enumerate(asked)]


def _fields(number: int, question: JSON) -> QuestionFields:
    described = {
        str(one.get("label")): str(one.get("description") or "")
        for one in question.get("options") or []
        if isinstance(one, dict)
    }
    return QuestionFields(
        number=number,
        text=display.reveal(questions.read_text(question)),
        header=display.reveal(str(question.get("header") or "")),
        choices=[
            Choice(display.reveal(label), label, display.reveal(described[label]))
            for label in questions.read_labels(question)
        ],
        takes_several=bool(question.get("multiSelect")),
    )


def read_answer(form: QueryDict, asked: PermissionRequest, *, by: str) -> Decision:
    """Read the form of an answer, or raise ValidationError."""
    message = form.get("message", "").strip().replace("\x00", "")
    if form.get("decision") == "deny":
        return Decision(is_allowed=False, by=by, message=message)
    answers: JSON = {}
    for number, question in enumerate(questions.find_questions(asked.tool_input)):
        if given := _read_one(form, number, question):
            answers[questions.read_text(question)] = given
    if problem := questions.problem_with(asked.tool_input, answers):
        raise ValidationError(problem if answers else "Choose an answer, or write one.")
    decided = questions.add_answers(asked.tool_input, answers)
    return Decision(is_allowed=True, by=by, edited_input=decided)


def _read_one(form: QueryDict, number: int, question: JSON) -> str | list[str]:
    """Return what was typed, or else chosen; where several may be, both."""
    typed = form.get(f"text-{number}", "").strip().replace("\x00", "")
    chosen = form.getlist(f"choice-{number}")
    if question.get("multiSelect"):
        return [*chosen, *([typed] if typed else [])]
    return typed or (chosen[0] if chosen else "")
