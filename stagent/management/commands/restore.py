from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import DatabaseError

from stagent.backup import archive
from tasks.audit import recorded_now
from tasks.management.command import AdministratorCommand, author
from tasks.management.output import Error, ExitCode
from tasks.models import Task, Worker


class Command(AdministratorCommand):
    help = (
        "Put a backup in place of the database and the documents. Stop web and workers first."
        " A backup of an earlier version is brought to this one. Runs that were in progress go"
        " on from their last checkpoints once a worker is started."
    )
    example = "manage.py restore /var/backups/stagent-2026-11-28.tar.gz --replace"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument(
            "--replace",
            action="store_true",
            help="throw away the tasks and documents that are there",
        )

    def handle(self, *args: Any, file: Path, replace: bool, **options: Any) -> None:
        if not file.is_file():
            raise Error(f"There is no file {file}.", ExitCode.USAGE)
        self._refuse_what_is_in_use(is_to_be_replaced=replace)
        try:
            about = archive.restore(file)
        except archive.NoBackup as reason:
            raise Error(f"{file}: {reason}", ExitCode.REFUSED) from reason
        recorded_now(author(), "restore", "database", title=file.name)
        self.hint(f"Restored what was there at {about.made_at}.")

    def _refuse_what_is_in_use(self, *, is_to_be_replaced: bool) -> None:
        try:
            has_worker = Worker.objects.at_work().exists()
            has_tasks = Task.objects.exists()
        except DatabaseError:  # it has no tables yet, or those of another version
            return
        if has_worker:
            raise Error(
                "A worker is at work on this database. Stop web and workers first; one that"
                f" was killed is gone after {settings.STAGENT_LEASE_SECONDS} s.",
                ExitCode.REFUSED,
            )
        if has_tasks and not is_to_be_replaced:
            raise Error(
                "This database has tasks. To throw them away: --replace",
                ExitCode.REFUSED,
            )
