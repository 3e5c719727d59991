from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from stagent.backup import archive
from tasks.management.command import AdministratorCommand
from tasks.management.output import Error, ExitCode


class Command(AdministratorCommand):
    help = (
        "Write the database, the documents and the site's own profiles and prices to one file"
        " (tar.gz), as they are at one moment. The site may go on meanwhile. Workspaces, and"
        " the secret key, are not in it."
    )
    example = "manage.py backup /var/backups/stagent-$(date +%F).tar.gz"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument(
            "--force", action="store_true", help="replace a file that is there"
        )

    def handle(self, *args: Any, file: Path, force: bool, **options: Any) -> None:
        if file.exists() and not force:
            raise Error(f"{file} is there already. Use --force.", ExitCode.USAGE)
        if not file.parent.is_dir():
            raise Error(f"There is no folder {file.parent}.", ExitCode.USAGE)
        try:
            made = archive.make(file)
        except OSError as error:
            raise Error(f"It cannot be written: {error}.", ExitCode.REFUSED) from error
        for name in made.missing:
            self.hint(f"The file of a document is not there: {name}.")
        self.hint(
            f"{file}: {made.size / 2**20:.1f} MB, with {made.documents} documents."
            f" `manage.py restore {file}` puts it back."
        )
