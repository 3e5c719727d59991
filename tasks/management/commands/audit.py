from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

import orjson
from django.core.management.base import CommandParser
from django.db.models import Q

from tasks.management.command import AdministratorCommand
from tasks.management.output import join_lines
from tasks.models import AuditEntry

AT_ONCE = 1_000


class Command(AdministratorCommand):
    help = (
        "Print the audit, the oldest first: who wrote what, from where. With --json all that"
        " is known of each entry, one a line, as the API shows it."
    )
    example = "manage.py audit --json --since 2026-04-01 > audit.jsonl"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--since",
            type=_time,
            metavar="TIME",
            help="a day, or a time such as 2026-04-01T12:00 (UTC)",
        )
        parser.add_argument("--user", metavar="NAME", help="what this user wrote")
        parser.add_argument(
            "--object", metavar="ID", help="what was written of this object"
        )
        parser.add_argument("--json", action="store_true")

    def handle(
        self,
        *args: Any,
        since: datetime | None,
        user: str | None,
        object: str | None,
        json: bool,
        **options: Any,
    ) -> None:
        wanted = Q()
        if since:
            wanted &= Q(created_at__gte=since)
        if user is not None:
            wanted &= Q(user_name=user)
        if object is not None:
            wanted &= Q(object_id=object)
        entries = AuditEntry.objects.filter(wanted).order_by("created_at", "pk")
        for entry in entries.iterator(AT_ONCE):
            self.stdout.write(
                orjson.dumps(entry.as_json()).decode() if json else _line(entry)
            )


def _line(entry: AuditEntry) -> str:
    who = entry.user_name or "no login"
    if entry.token_name:
        who += f" ({entry.token_name})"
    where = f"{entry.way} {entry.address}".strip()
    title = join_lines(entry.title) or entry.object_id
    at = f"{entry.created_at:%Y-%m-%d %H:%M:%S}"
    return "  ".join(
        (at, join_lines(who), where, f"{entry.action} {entry.object_type}", title)
    )


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day or time") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
