import re
from argparse import ArgumentTypeError
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from agents.worker.pruning import Kind, describe_counts, prune
from tasks.audit.retention import remove_entries
from tasks.management.command import AdministratorCommand, author
from tasks.models import AuditEntry
from tasks.webhooks.retention import find_old_events, remove_old_events

UNITS = {"h": "hours", "d": "days", "w": "weeks"}
HELP = {
    Kind.LOGS: "their logs; the tasks, their results and costs stay",
    Kind.WORKSPACES: "the folders that their agents worked in",
    Kind.TASKS: "the tasks themselves, with all of that; their costs stay",
}


class Command(AdministratorCommand):
    help = (
        "Remove what tasks left that are finished and were not changed for a while. Without a"
        " choice: logs and workspaces. What was spent stays in the ledger. STAGENT_PRUNE_DAYS"
        " does the same every night."
    )
    example = "manage.py prune --older-than 90d --logs --dry-run"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            required=True,
            type=_parse_age,
            metavar="AGE",
            help="such as 90d, 12w or 36h",
        )
        for kind in Kind:
            parser.add_argument(f"--{kind}", action="store_true", help=HELP[kind])
        parser.add_argument(
            "--events",
            action="store_true",
            help="events with their notes and deliveries; STAGENT_EVENT_DAYS does it by itself",
        )
        parser.add_argument(
            "--audit",
            action="store_true",
            help="entries of the audit; STAGENT_AUDIT_DAYS does it by itself",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="remove nothing; say how much it is"
        )
        parser.add_argument("--json", action="store_true")

    def handle(
        self,
        *args: Any,
        older_than: timedelta,
        dry_run: bool,
        json: bool,
        **options: Any,
    ) -> None:
        kinds = [kind for kind in Kind if options[kind]]
        if not kinds and not options["events"] and not options["audit"]:
            kinds = [Kind.LOGS, Kind.WORKSPACES]
        removed: Counter[str] = Counter(dict.fromkeys(kinds, 0))
        until = timezone.now() - older_than
        if options["events"]:
            removed["events"] = _prune_events(until, dry_run=dry_run)
        if options["audit"]:
            removed["audit entries"] = _prune_audit(until, dry_run=dry_run)
        walk = prune(kinds, until=until, dry_run=dry_run) if kinds else ()
        for kind, was_there in walk:
            removed[kind] += was_there
        if json:
            counts: dict[str, int] = {str(kind): n for kind, n in removed.items()}
            self.write_json({**counts, "dryRun": dry_run})
        else:
            verb = "Would remove" if dry_run else "Removed"
            self.stdout.write(f"{verb} {describe_counts(removed)}.")


def _prune_events(until: datetime, *, dry_run: bool) -> int:
    if dry_run:
        return find_old_events(until).count()
    removed = 0
    while some := remove_old_events(until):
        removed += some
    return removed


def _prune_audit(until: datetime, *, dry_run: bool) -> int:
    if dry_run:
        return AuditEntry.objects.older_than(until).count()
    return remove_entries(until, author=author())


def _parse_age(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,5})([hdw])", text)
    if not match:
        raise ArgumentTypeError(f"{text!r} is no age such as 90d, 12w or 36h")
    return timedelta(**{UNITS[match[2]]: int(match[1])})
