from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser

from tasks.api.views.notifications import notification
from tasks.management.command import AdministratorCommand, actor, explained
from tasks.management.finding import find_request
from tasks.management.output import Error, ExitCode, one_line
from tasks.models.permission import Answer
from tasks.rules import patterns


class Command(AdministratorCommand):
    help = (
        "Allow or deny what an agent asks for; the first answer wins."
        " `manage.py tasks --waiting` shows what is asked."
    )
    example = (
        "manage.py respond 0199a3c4-7d21 allow --always 'write:/reports/*'\n"
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
        json: bool,
        **options: Any,
    ) -> None:
        is_allowed = behavior == "allow"
        _check_rule(always, is_allowed=is_allowed)
        asked = find_request(id)
        with explained(id):
            asked.answer(
                Answer(is_allowed, actor(), message=message, always_allow=always)
            )
        if json:
            self.write_json(notification(asked))
        else:
            self.stdout.write(
                f"{asked.get_status_display()}: {one_line(asked.message)}"
            )


def _check_rule(pattern: str | None, *, is_allowed: bool) -> None:
    if pattern is None:
        return
    if not is_allowed:
        raise Error("--always goes with allow only.", ExitCode.USAGE)
    try:
        patterns.validate(pattern)
    except ValidationError as error:
        raise Error(f"--always: {error.messages[0]}", ExitCode.USAGE) from error
