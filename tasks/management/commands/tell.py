"""`manage.py tell`: a message to a task's agent."""

from typing import Any

from django.core.management.base import CommandParser

from tasks import audit
from tasks.api.representation.messages import represent_sent
from tasks.lifecycle import messages
from tasks.management.command import (
    AdministratorCommand,
    actor,
    author,
    explain_refusals,
)
from tasks.management.finding import find_task
from tasks.management.following import Follower
from tasks.management.output import Error, ExitCode, join_lines
from tasks.models import Document, Message, Run, Task


class Command(AdministratorCommand):
    help = (
        "Tell the agent of a task something, while it works or after. A running agent gets"
        " it at its next step; a finished task goes on with it, in the same conversation."
    )
    example = (
        "manage.py tell 0199a3c4-7d21 'The other file!'\n"
        "  manage.py tell 0199a3c4-7d21 'Now in French.' --follow"
    )
    can_follow = True
    on_interrupt = "Interrupted; the message is sent, and the task goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "id", metavar="ID", help="a task's id, or at least its first 8 characters"
        )
        parser.add_argument("text", help="what the agent is to hear")
        parser.add_argument(
            "--document",
            dest="documents",
            metavar="ID",
            action="append",
            default=[],
            help="a document to go with it; may be given again",
        )
        parser.add_argument(
            "--follow",
            action="store_true",
            help="show the log until the end, and let the exit code tell the outcome",
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="print the message as the API shows it; with --follow the log instead,"
            " an entry a line",
        )

    def handle(
        self,
        *args: Any,
        id: str,
        text: str,
        documents: list[str],
        follow: bool,
        json: bool,
        **options: Any,
    ) -> None:
        task = find_task(id)
        _check(text, documents)
        follower = Follower(task.pk, task.log_sequence)
        with (
            explain_refusals(id),
            audit.recorded(author(), "message", task, after={"text": text}),
        ):
            message, run = messages.send(task, text, by=actor(), document_ids=documents)
        if follow:
            self.settle(self.follow([follower], as_json=json), among=1)
        elif json:
            self.write_json(represent_sent(message, run))
        else:
            self.stdout.write(_describe(message, run, task))


def _check(text: str, documents: list[str]) -> None:
    if not text.strip():
        raise Error("There is nothing in the message.", ExitCode.USAGE)
    if len(text) > messages.MAX_TEXT:
        limit = f"A message has at most {messages.MAX_TEXT:,} characters."
        raise Error(f"{limit} Attach a document instead.", ExitCode.USAGE)
    found = Document.objects.in_bulk(documents) if documents else {}
    if missing := [one for one in documents if one not in found]:
        raise Error(f"Document not found: {', '.join(missing)}", ExitCode.USAGE)


def _describe(message: Message, run: Run | None, task: Task) -> str:
    title = f"{message.task_id} “{join_lines(task.title)}”"
    if run:
        return f"Sent to {title}, which goes on with it: attempt {run.attempt} on {run.runtime}."
    return f"Sent to {title}; the agent gets it at its next step."
