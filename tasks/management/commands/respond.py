from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser

from tasks import audit
from tasks.api.views.notifications import represent_notification
from tasks.management.command import (
    AdministratorCommand,
    actor,
    author,
    explain_refusals,
)
from tasks.management.finding import find_request
from tasks.management.output import Error, ExitCode, join_lines
from tasks.models import PermissionRequest
from tasks.models.permission import Decision
from tasks.rules import patterns, questions


class Command(AdministratorCommand):
    help = (
        "Allow or deny what an agent asks for; the first answer wins."
        " `manage.py tasks --waiting` shows what is asked."
    )
    example = (
        "manage.py respond 0199a3c4-7d21 allow --always 'write:/reports/*'\n"
        "  manage.py respond 0199a3c4-7d21 allow --answer PostgreSQL\n"
        "  manage.py respond 0199a3c4-7d21 deny --message 'Write to /drafts instead.'"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "id",
            metavar="NOTIFICATION_ID",
            help="the permission request's id, or at least its first 8 characters",
        )
        parser.add_argument("behavior", choices=["allow", "deny"])
        parser.add_argument("--message", default="", help="what to tell the agent")
        parser.add_argument(
            "--always",
            metavar="PATTERN",
            help="allow what matches from now on, in the project of this task if it has"
            " one: write:/reports/*, run:git status; a bare kind such as read is all of it",
        )
        parser.add_argument(
            "--answer",
            dest="answers",
            metavar="TEXT",
            action="append",
            default=[],
            help="the answer to a question of the agent: one of its choices, or any text."
            " Where it asks several, once for each, in their order; where several may be"
            " chosen, with commas between them",
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="print the permission request as the API shows it",
        )

    def handle(
        self,
        *args: Any,
        id: str,
        behavior: str,
        message: str,
        always: str | None,
        answers: list[str],
        json: bool,
        **options: Any,
    ) -> None:
        is_allowed = behavior == "allow"
        _check_rule(always, is_allowed=is_allowed)
        asked = find_request(id)
        if asked.is_question and always:
            raise Error("No rule answers a question.", ExitCode.USAGE)
        if answers and not is_allowed:
            raise Error("--answer goes with allow only.", ExitCode.USAGE)
        said = {
            "notificationId": asked.pk,
            "behavior": behavior,
            "action": asked.action,
            "message": message,
            "answers": answers,
            "alwaysAllow": always,
        }
        after = {name: value for name, value in said.items() if value}
        with (
            explain_refusals(id),
            audit.recorded(author(), "respond", asked.task, after=after),
        ):
            asked.decide(
                Decision(
                    is_allowed,
                    actor(),
                    message=message,
                    edited_input=_read_answers(asked, answers) if answers else None,
                    always_allow=always,
                )
            )
        if json:
            self.write_json(represent_notification(asked))
        else:
            self.stdout.write(
                f"{asked.get_status_display()}: {join_lines(asked.message)}"
            )


def _read_answers(asked: PermissionRequest, texts: list[str]) -> dict[str, Any]:
    """Return the questions with what was given as their answers, in their order."""
    asked_for = questions.find_questions(asked.tool_input) if asked.is_question else []
    if len(texts) != len(asked_for):
        counts = (
            f"{len(texts)} answers were given, and {len(asked_for)} questions asked."
        )
        raise Error(f"--answer: {counts}", ExitCode.USAGE)
    answers = {
        questions.read_text(question): _choices(text)
        if question.get("multiSelect")
        else text
        for question, text in zip(asked_for, texts, strict=True)
    }
    if problem := questions.problem_with(asked.tool_input, answers):
        raise Error(f"--answer: {problem}", ExitCode.USAGE)
    return questions.add_answers(asked.tool_input, answers)


def _choices(text: str) -> list[str]:
    return [one.strip() for one in text.split(",")]


def _check_rule(pattern: str | None, *, is_allowed: bool) -> None:
    if pattern is None:
        return
    if not is_allowed:
        raise Error("--always goes with allow only.", ExitCode.USAGE)
    try:
        patterns.validate(pattern)
    except ValidationError as error:
        raise Error(f"--always: {error.messages[0]}", ExitCode.USAGE) from error
