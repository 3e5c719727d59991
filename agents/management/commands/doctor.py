from typing import Any

from django.core.management.base import CommandParser

from agents.doctor import Finding, State, examine
from tasks.management.command import AdministratorCommand
from tasks.management.output import Error, ExitCode
from tasks.observability.credentials import hide_all_credentials

STYLES = {State.OK: "SUCCESS", State.WARNING: "WARNING", State.FAILING: "ERROR"}


class Command(AdministratorCommand):
    help = (
        "Examine a site where it runs, and say what mends what is amiss: database and clock,"
        " Redis, disk, sandbox, providers and their keys, workers, rows that are stuck. It"
        " changes nothing and costs nothing. `check --deploy` looks at the settings."
    )
    example = "manage.py doctor --json"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, json: bool, **options: Any) -> None:
        findings = []
        for finding in examine():
            findings.append(finding)
            if not json:
                self._print_finding(finding)
        if json:
            self.write_json([_make_json(finding) for finding in findings])
        failing = [one for one in findings if one.state is State.FAILING]
        if failing:
            raise Error(f"{len(failing)} things are amiss.", ExitCode.REFUSED)

    def _print_finding(self, finding: Finding) -> None:
        mark = getattr(self.style, STYLES[finding.state])(f"{finding.state:<8}")
        message = hide_all_credentials(finding.message)
        self.stdout.write(f"{mark} {finding.what}: {message}")
        if finding.cure:
            self.stdout.write(f"         → {finding.cure}")
        self.stdout.flush()


def _make_json(finding: Finding) -> dict[str, str]:
    return {
        "what": finding.what,
        "state": finding.state,
        "message": hide_all_credentials(finding.message),
        "cure": finding.cure,
    }
