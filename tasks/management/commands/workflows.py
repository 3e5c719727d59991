from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from tasks import audit
from tasks.api.representation.workflows import (
    add_counts,
    count_progress,
    represent_workflow,
)
from tasks.exceptions import Conflict
from tasks.management.command import AdministratorCommand, actor, author
from tasks.management.output import Error, ExitCode, join_lines
from tasks.models import Workflow
from tasks.workflows.definition import InvalidDefinition
from tasks.workflows.examples import examples
from tasks.workflows.start import start

HEADINGS = ("ID", "STATUS", "RUN", "STEPS", "NAME")


class Command(AdministratorCommand):
    help = (
        "List workflows, the newest first, with how far each is. With --example one of those"
        " that ship is added, with --execute it is started."
    )
    example = "manage.py workflows --example review_before_publishing --execute"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--status", choices=Workflow.Status.values)
        parser.add_argument("--limit", type=int, default=50, metavar="N")
        parser.add_argument(
            "--json",
            action="store_true",
            help="print an array of the workflows as the API lists them",
        )
        parser.add_argument(
            "--example",
            choices=sorted(examples()),
            help="add this workflow of those that ship",
        )
        parser.add_argument(
            "--execute", action="store_true", help="start the one that is added"
        )

    def handle(
        self,
        *args: Any,
        status: str | None,
        limit: int,
        json: bool,
        example: str | None,
        execute: bool,
        **options: Any,
    ) -> None:
        if example:
            self._add(example, execute=execute, as_json=json)
            return
        if execute:
            raise Error("--execute goes with --example.", ExitCode.USAGE)
        rows = (
            Workflow.objects.filter(status=status) if status else Workflow.objects.all()
        )
        found = list(add_counts(rows)[: max(limit, 0)])
        if json:
            self.write_json([represent_workflow(workflow) for workflow in found])
        else:
            self._write_table(found)

    def _add(self, name: str, *, execute: bool, as_json: bool) -> None:
        with transaction.atomic():
            workflow = Workflow.objects.create(
                name=name.replace("_", " ").capitalize(),
                definition=examples()[name],
                created_by=actor(),
            )
            after = audit.snapshot(workflow)
            audit.recorded_now(author(), "create", workflow, after=after)
        if execute:
            try:
                with audit.recorded(author(), "execute", workflow):
                    start(workflow, by=actor())
            except (Conflict, InvalidDefinition) as error:
                raise Error(f"{workflow.pk}: {error}", ExitCode.REFUSED) from error
        if as_json:
            self.write_json(represent_workflow(workflow))
        else:
            self.stdout.write(str(workflow.pk))

    def _write_table(self, workflows: list[Any]) -> None:
        if not workflows:
            self.hint("No workflow is like that.")
            return
        done = count_progress(workflows)
        rows = [HEADINGS, *(_row(one, done.get(one.pk, "")) for one in workflows)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
            self.stdout.write("  ".join(cells).rstrip())


def _row(workflow: Workflow, done: str) -> tuple[str, ...]:
    number = str(workflow.run_number or "")
    return str(workflow.pk), workflow.status, number, done, join_lines(workflow.name)
