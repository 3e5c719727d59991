"""What the commands for administrators have in common.

They call the verbs that the API calls, and nothing else. Results go to stdout; hints and
errors go to stderr, so that stdout can be piped.
"""

import getpass
import os
import sys
import textwrap
import time
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter
from django.db.utils import OperationalError, ProgrammingError

from ledger.budgets import BudgetExceeded
from stagent.database.json_lines import escape_line_ends
from tasks.api.representation.tasks import represent_task
from tasks.audit import Author
from tasks.exceptions import AlreadyDecided, Refused
from tasks.management.finding import find_task
from tasks.management.following import PATIENCE_SECONDS, POLL_SECONDS, Follower
from tasks.management.output import MEANINGS, Error, ExitCode, log_line
from tasks.models import Task, Way
from tasks.payloads.log_entries import name_task

OUTCOMES: dict[str, ExitCode] = {
    Task.Status.FAILED: ExitCode.FAILED,
    Task.Status.CANCELLED: ExitCode.CANCELLED,
}
NO_WORKER = (
    f"No worker has taken task {{}} for {PATIENCE_SECONDS} s: none is running, or all are"
    " busy. Start one with `manage.py serve` (web and worker) or `manage.py runagents`."
)


def actor() -> str:
    """Name who acts, for logs and provenance."""
    try:
        return f"manage.py ({getpass.getuser()})"[:150]
    except (
        ImportError,
        KeyError,
        OSError,
    ):  # nobody has this user id, as in containers
        return "manage.py"


def author() -> Author:
    """Name who acts, for the audit."""
    return Author(Way.COMMAND, name=actor())


@contextmanager
def explain_refusals(given: str) -> Iterator[None]:
    """Turn what the verbs may refuse into what a person is told."""
    try:
        yield
    except Refused as error:
        raise Error(
            f"{given}: {error.explain_in_command()}", ExitCode.REFUSED
        ) from error
    except (AlreadyDecided, BudgetExceeded) as error:
        raise Error(f"{given}: {error}", ExitCode.REFUSED) from error
    except Task.DoesNotExist as error:
        raise Error(f"{given}: it was deleted just now.", ExitCode.USAGE) from error


@dataclass(frozen=True)
class Attempt:
    """What came of a verb on one of the tasks that were named."""

    given: str
    task: Task | None = None
    error: Error | None = None

    def as_json(self) -> dict[str, Any] | None:
        if self.task is None:
            return {"id": self.given, "error": str(self.error)}
        return represent_task(self.task.pk)


class HelpFormatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Django's order of the options, and the epilog's lines as they are."""


class AdministratorCommand(BaseCommand):
    """A command for administrators: exit codes, JSON and refusals alike for all."""

    # Quick and quiet: what is wrong with the setup is said by `check` and the servers.
    requires_system_checks = ()
    example = ""
    can_follow = False
    on_interrupt = "Interrupted."

    def create_parser(
        self, prog_name: str, subcommand: str, **kwargs: Any
    ) -> CommandParser:
        parser = super().create_parser(
            prog_name,
            subcommand,
            formatter_class=HelpFormatter,
            epilog=f"example:\n  {self.example}\n\nexit codes:\n{self._codes()}",
            **kwargs,
        )
        parser.description = textwrap.fill(self.help, 79)
        return parser

    def _codes(self) -> str:
        unused = set() if self.can_follow else set(OUTCOMES.values())
        lines = [
            f"  {code:>3}  {MEANINGS[code]}" for code in ExitCode if code not in unused
        ]
        return "\n".join([*lines, "Where several apply it is the greatest."])

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            output = super().execute(*args, **options)
            self.stdout.flush()
        except KeyboardInterrupt:
            self.hint(f"\n{self.on_interrupt}")
            sys.exit(ExitCode.INTERRUPTED)
        except BrokenPipeError:
            # What is still buffered is written at exit, and must not fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(ExitCode.READER_GONE)
        except (OperationalError, ProgrammingError) as error:
            raise Error(
                f"The database cannot be used: {' '.join(str(error).split()).rstrip('.?')}. DATABASE_URL says"
                " where it is, and `manage.py migrate` prepares it.",
                ExitCode.REFUSED,
            ) from error
        return output

    # --- Saying things -------------------------------------------------------------------

    def hint(self, text: str) -> None:
        self.stderr.write(text, str)  # `str`: not in the colour of errors
        self.stderr.flush()

    def write_json(self, value: object) -> None:
        self.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())

    def tell(self, error: Error, *, among: int) -> Error:
        """Say at once what is wrong with one of several; the only one's ends the command."""
        if among > 1:
            self.stderr.write(f"Error: {error}")
        return error

    def settle(self, errors: Sequence[Error], *, among: int) -> None:
        """End with what went wrong, if anything did."""
        if not errors:
            return
        if among == 1:
            raise errors[0]
        code = max(error.returncode for error in errors)
        summary = f"{len(errors)} of {among} tasks, as said above."
        raise Error(summary, ExitCode(code))

    # --- Doing things --------------------------------------------------------------------

    def each(self, ids: Sequence[str], act: Callable[[Task], None]) -> list[Attempt]:
        """Do `act` to each task; one that fails keeps no other from its turn."""
        return [self._attempt(given, act, among=len(ids)) for given in ids]

    def _attempt(
        self, given: str, act: Callable[[Task], None], *, among: int
    ) -> Attempt:
        try:
            task = find_task(given)
            with explain_refusals(given):
                act(task)
        except Error as error:
            return Attempt(given, error=self.tell(error, among=among))
        return Attempt(given, task)

    def follow(
        self, followers: Sequence[Follower], *, as_json: bool, among: int = 1
    ) -> list[Error]:
        """Show the logs until every task is finished; return what did not complete."""
        going_on = list(followers)
        errors = []
        while going_on:
            for follower in list(going_on):
                self.show_log(follower, as_json=as_json, is_tagged=among > 1)
                if follower.lacks_worker():
                    self.hint(NO_WORKER.format(follower.task_id))
                if follower.has_ended:
                    going_on.remove(follower)
                    if error := _outcome(follower):
                        errors.append(self.tell(error, among=among))
            if going_on:
                time.sleep(POLL_SECONDS)
        return errors

    def show_log(
        self, follower: Follower, *, as_json: bool, is_tagged: bool = False
    ) -> None:
        """Show what is new in a log; tagged, each entry names its task."""
        for text in follower.read():
            entry = orjson.loads(text)
            tag = str(follower.task_id)
            if not as_json:
                line = log_line(entry, self.style)
                text = f"{tag} {line}" if is_tagged else line
            elif is_tagged:
                text = escape_line_ends(orjson.dumps(name_task(entry, tag)).decode())
            self.stdout.write(text)
            self.stdout.flush()


def _outcome(follower: Follower) -> Error | None:
    if follower.status is None:
        return Error(f"{follower.task_id}: it was deleted.", ExitCode.USAGE)
    if code := OUTCOMES.get(follower.status):
        return Error(f"{follower.task_id}: the task ended {follower.status}.", code)
    return None
