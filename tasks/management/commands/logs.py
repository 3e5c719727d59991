from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandParser

from tasks.management.command import AdministratorCommand
from tasks.management.finding import find_task
from tasks.management.following import Follower


class Command(AdministratorCommand):
    help = "Show a task's log. Times are UTC."
    example = "manage.py logs 0199a3c4-7d21 --follow"
    can_follow = True
    on_interrupt = "Interrupted; the task goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "id",
            metavar="ID",
            help="a task's id, or at least the first 8 characters of it",
        )
        parser.add_argument(
            "--follow",
            action="store_true",
            help="wait for more until the task is finished, and let the exit code tell the"
            " outcome",
        )
        parser.add_argument(
            "--after",
            type=sequence,
            default=0,
            metavar="N",
            help="leave out the entries up to this sequence",
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="print an entry a line as the API's log stream sends it",
        )

    def handle(
        self,
        *args: Any,
        id: str,
        follow: bool,
        after: int,
        json: bool,
        **options: Any,
    ) -> None:
        follower = Follower(find_task(id).pk, after)
        if follow:
            self.settle(self.follow([follower], as_json=json), among=1)
        else:
            self.show_log(follower, as_json=json)


def sequence(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ArgumentTypeError(f"{text!r} is no entry's sequence: a number from 0")
    return int(text)
