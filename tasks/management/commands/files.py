import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from tasks.api.views.task_files import represent_files
from tasks.files.archive import write_zip
from tasks.files.changes import State, TaskFiles, files_of, pruned_at
from tasks.files.diff import write_diff
from tasks.files.workspace import PathRefused
from tasks.management.command import AdministratorCommand
from tasks.management.finding import find_task
from tasks.management.output import Error, ExitCode, join_lines, make_printable
from tasks.models import Task

STYLES = {
    State.NEW: "SUCCESS",
    State.CHANGED: "WARNING",
    State.DELETED: "ERROR",
    State.UNCHANGED: "MIGRATE_LABEL",
}
LINES = {"+": "SUCCESS", "-": "ERROR", "@": "WARNING", "#": "WARNING"}


class Command(AdministratorCommand):
    help = (
        "List the files of a task and what became of each since its run began, or show one,"
        " or what changed."
    )
    example = "manage.py files 0199a3c4-7d21 --get reports/q4.md > q4.md"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "id",
            metavar="ID",
            help="a task's id, or at least the first 8 characters of it",
        )
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--get", metavar="PATH", help="write this file to stdout")
        what.add_argument(
            "--zip", metavar="FILE", help="write all of them into a new zip file"
        )
        what.add_argument(
            "--diff", action="store_true", help="show what changed, as git diff does"
        )
        what.add_argument(
            "--json", action="store_true", help="print the list as the API does"
        )

    def handle(
        self,
        *args: Any,
        id: str,
        get: str | None,
        zip: str | None,
        diff: bool,
        json: bool,
        **options: Any,
    ) -> None:
        task = find_task(id)
        if removed := pruned_at(task.pk):
            message = (
                f"{id}: the files of this task were removed on {removed:%Y-%m-%d}."
            )
            raise Error(message, ExitCode.REFUSED)
        files = files_of(task.pk)
        if get is not None:
            self._write(self._content(files, get))
        elif zip is not None:
            self._archive(files, Path(zip))
        elif diff:
            self._show_diff(write_diff(files))
        elif json:
            self.write_json(represent_files(files, files.files, task.pk))
        else:
            self._list(task, files)

    def _list(self, task: Task, files: TaskFiles) -> None:
        for file in files.files:
            state = getattr(self.style, STYLES[file.state])(f"{file.state:<9}")
            size = f"{file.found.size:,}" if file.found else "-"
            path = join_lines(os.fsencode(file.path).decode(errors="backslashreplace"))
            self.stdout.write(f"{state} {size:>15} {path}")
        if not files.files:
            self.hint("No files: no run of this task has begun, or none has made any.")
        if not files.is_complete:
            self.hint("There are more files than are looked at.")

    def _content(self, files: TaskFiles, path: str) -> Iterable[bytes]:
        if files.workspace is None:
            raise Error(f"{path}: the task has no files.", ExitCode.USAGE)
        try:
            located = files.workspace.locate(path)
            with files.workspace.open_file(located, is_handed_out=True) as file:
                while chunk := file.read(2**18):
                    yield chunk
        except PathRefused as refused:
            raise Error(str(refused), ExitCode.USAGE) from None
        except OSError as error:
            raise Error(f"{path}: {error.strerror}.", ExitCode.USAGE) from None

    def _archive(self, files: TaskFiles, target: Path) -> None:
        try:
            with target.open("xb") as file:
                for chunk in write_zip(files, files.files):
                    file.write(chunk)
        except OSError as error:
            raise Error(f"{target}: {error.strerror}.", ExitCode.USAGE) from None
        self.hint(f"Written to {target}.")

    def _write(self, chunks: Iterable[bytes]) -> None:
        """Write bytes as they are, but to a terminal only what does not drive it."""
        binary = None if self.stdout.isatty() else getattr(self.stdout, "buffer", None)
        for chunk in chunks:
            if binary is not None:
                binary.write(chunk)
            else:
                self.stdout.write(
                    make_printable(chunk.decode(errors="replace")), ending=""
                )

    def _show_diff(self, pieces: Iterable[bytes]) -> None:
        if not self.stdout.isatty():
            self._write(pieces)
            return
        for piece in pieces:
            for line in piece.decode(errors="replace").splitlines():
                style = getattr(self.style, LINES.get(line[:1], ""), str)
                self.stdout.write(style(make_printable(line)))
