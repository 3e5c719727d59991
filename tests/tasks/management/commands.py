"""Calls a management command as a shell would, for the tests of the commands."""

import io
import json
from dataclasses import dataclass

from django.core.management import CommandError, call_command

from tasks.lifecycle import runs
from tasks.lifecycle.runs import Outcome
from tasks.models import Task


@dataclass(frozen=True)
class Result:
    out: str
    err: str
    code: int

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return self.out.splitlines()


def manage(*arguments, stdout=None, stderr=None, **options):
    out, err = stdout or io.StringIO(), stderr or io.StringIO()
    code = 0
    try:
        call_command(
            *map(str, arguments), stdout=out, stderr=err, no_color=True, **options
        )
    except CommandError as error:
        code = error.returncode
        err.write(str(error))
    return Result(out.getvalue(), err.getvalue(), code)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def status_of(task):
    return Task.objects.get(pk=task.pk).status


def finish(run, status=Task.Status.COMPLETED, message="The report is written."):
    runs.finish(run, Outcome(status, message))
