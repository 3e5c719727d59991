"""Finding what an administrator names: by its id, or by enough of the id's start."""

from typing import TypeVar

from django.db import models

from tasks.management.output import Error, ExitCode, join_lines
from tasks.models import PermissionRequest, Project, Schedule, Task
from tasks.models.ids import MIN_PREFIX, range_of_prefix

M = TypeVar("M", bound=models.Model)

MAX_CANDIDATES = 10
WHERE = {
    "task": "`manage.py tasks` lists them",
    "permission request": "`manage.py tasks --waiting` lists those that wait",
    "schedule": "`manage.py schedules` lists them",
    "project": "the admin and GET /api/projects list them",
}


def find_task(given: str) -> Task:
    return _find_by_uuid(Task.objects.all(), "task", given)


def find_schedule(given: str) -> Schedule:
    return _find_by_uuid(Schedule.objects.all(), "schedule", given)


def _find_by_uuid(rows: models.QuerySet[M], what: str, given: str) -> M:
    ids = range_of_prefix(given)
    if ids is None:
        raise _not_found(what, given)
    return _only(rows.filter(pk__range=ids), what, given)


def find_request(given: str) -> PermissionRequest:
    return _find_by_text(PermissionRequest.objects.all(), "permission request", given)


def find_project(given: str) -> Project:
    return _find_by_text(Project.objects.all(), "project", given)


def _find_by_text(rows: models.QuerySet[M], what: str, given: str) -> M:
    exact = rows.filter(pk=given).first()
    if exact is not None:
        return exact
    if len(given) < MIN_PREFIX:
        raise _not_found(what, given)
    return _only(rows.filter(pk__startswith=given), what, given)


def _only(rows: models.QuerySet[M], what: str, given: str) -> M:
    found = list(rows[: MAX_CANDIDATES + 1])
    if not found:
        raise _not_found(what, given)
    if len(found) > 1:
        raise _ambiguous(found, what, given)
    return found[0]


def _not_found(what: str, given: str) -> Error:
    return Error(
        f"There is no {what} “{given}”: {WHERE[what]}. Give an id, or at least the first"
        f" {MIN_PREFIX} characters of one.",
        ExitCode.USAGE,
    )


def _ambiguous(found: list[M], what: str, given: str) -> Error:
    lines = [f"  {row.pk}  {join_lines(str(row))}" for row in found[:MAX_CANDIDATES]]
    if len(found) > MAX_CANDIDATES:
        lines.append("  …")
    intro = f"More than one {what} starts with “{given}”; give more of its id:"
    return Error("\n".join([intro, *lines]), ExitCode.USAGE)
