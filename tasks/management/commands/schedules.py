"""`manage.py schedules`: what starts tasks at certain times, and each firing."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from tasks import audit
from tasks.api.representation.schedules import (
    next_times,
    represent_schedule,
    represent_with_history,
)
from tasks.exceptions import Conflict
from tasks.management.command import (
    AdministratorCommand,
    actor,
    author,
    explain_refusals,
)
from tasks.management.finding import find_schedule
from tasks.management.output import (
    Error,
    ExitCode,
    fit_to_width,
    join_lines,
    measure_width,
)
from tasks.models import Firing, Schedule
from tasks.schedules import changes
from tasks.schedules.exceptions import NeverFires
from tasks.schedules.firing import fire_now

HEADINGS = ("ID", "STATUS", "NAME", "INTERVAL", "ZONE", "NEXT (UTC)", "FIRINGS")
WIDEST = 40
GAP = "  "
SHOWN_FIRINGS = 20


class Command(AdministratorCommand):
    help = (
        "List schedules, the newest first, or show one with its next times and its last"
        " firings. --run-now, --pause and --resume do that to it first."
    )
    example = "manage.py schedules 0199a3c4-7d21 --run-now"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "id",
            nargs="?",
            metavar="ID",
            help="a schedule's id, or at least the first 8 characters of it",
        )
        parser.add_argument("--status", choices=Schedule.Status.values)
        verbs = parser.add_mutually_exclusive_group()
        verbs.add_argument(
            "--run-now", action="store_true", help="start its task whatever its status"
        )
        verbs.add_argument("--pause", action="store_true")
        verbs.add_argument("--resume", action="store_true")
        parser.add_argument(
            "--json",
            action="store_true",
            help="print an array of the schedules as the API lists them; of one, what the"
            " API shows of it",
        )

    def handle(
        self,
        *args: Any,
        id: str | None,
        status: str | None,
        json: bool,
        **options: Any,
    ) -> None:
        verb = next((VERBS[name] for name in VERBS if options[name]), None)
        if id is None:
            if verb:
                message = "Say which schedule, by its id."
                raise Error(message, ExitCode.USAGE)
            self._list(status, json=json)
            return
        schedule = find_schedule(id)
        if verb:
            self._perform(verb, schedule, id)
        self._show(Schedule.objects.get(pk=schedule.pk), json=json)

    def _perform(self, verb: "Verb", schedule: Schedule, given: str) -> None:
        with explain_refusals(given):
            try:
                with audit.recorded(author(), _name_of(verb), schedule):
                    verb(schedule, by=actor())
            except (Conflict, NeverFires) as error:
                raise Error(f"{given}: {error}", ExitCode.REFUSED) from error

    def _list(self, status: str | None, *, json: bool) -> None:
        schedules = Schedule.objects.prefetch_related("documents")
        if status:
            schedules = schedules.filter(status=status)
        if json:
            self.write_json([represent_schedule(one) for one in schedules])
        elif rows := [_row(schedule) for schedule in schedules]:
            self._write_table(rows)
        else:
            self.hint("No schedule is like that." if status else "No schedules yet.")

    def _write_table(self, rows: list[tuple[str, ...]]) -> None:
        columns = zip(HEADINGS, *rows, strict=True)
        widths = [min(WIDEST, max(map(measure_width, column))) for column in columns]
        for number, row in enumerate([HEADINGS, *rows]):
            cells = (
                fit_to_width(cell, width)
                for cell, width in zip(row, widths, strict=True)
            )
            style = None if number else self.style.MIGRATE_LABEL
            self.stdout.write(GAP.join(cells).rstrip(), style)

    def _show(self, schedule: Schedule, *, json: bool) -> None:
        if json:
            self.write_json(represent_with_history(schedule))
            return
        self._write_table([_row(schedule)])
        if schedule.pause_reason:
            self.stdout.write(f"\n{join_lines(schedule.pause_reason)}")
        times = next_times(schedule)
        if times:
            said = ", ".join(map(_time, times))
            self.stdout.write(f"\nNext: {said} UTC")
        for firing in schedule.firings.all()[:SHOWN_FIRINGS]:
            self.stdout.write(_line(firing))


Verb = Callable[..., Any]
VERBS: dict[str, Verb] = {
    "run_now": fire_now,
    "pause": changes.pause,
    "resume": changes.resume,
}


def _name_of(verb: Verb) -> str:
    return next(name for name, one in VERBS.items() if one is verb).replace("_", "-")


def _row(schedule: Schedule) -> tuple[str, ...]:
    return (
        str(schedule.pk),
        schedule.status,
        join_lines(schedule.name),
        join_lines(schedule.interval),
        schedule.timezone,
        _time(schedule.next_fire_at) if schedule.next_fire_at else "-",
        str(schedule.firing_count),
    )


def _line(firing: Firing) -> str:
    number = f"#{firing.number}" if firing.number else "-"
    what = f"{firing.status} {firing.outcome}".strip()
    task = str(firing.task_id or "")
    parts = (number, _time(firing.scheduled_for), what, task, join_lines(firing.reason))
    return GAP.join(part for part in parts if part)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
