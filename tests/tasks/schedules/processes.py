"""Workers' sweeps as processes of their own, to be killed and raced. Run in `manage.py shell`."""

import os
import signal
from datetime import timedelta
from itertools import count

from django.db import connection
from django.utils import timezone

from tasks.models import Firing, Run, Schedule, Task
from tasks.schedules import firing

SECOND = timedelta(seconds=1)


def _due_schedules(number):
    return [
        Schedule.objects.create(
            name=f"Schedule {n}",
            prompt="finish: done",
            cron_expression="0 * * * *",
            next_fire_at=timezone.now() - SECOND,
        )
        for n in range(number)
    ]


def _sweep(wrapper=None):
    """Sweep in a child process, and return it."""
    connection.close()
    if child := os.fork():
        return child
    if wrapper:
        connection.execute_wrappers.append(wrapper)
    firing.sweep()
    os._exit(0)


def _kill_at(number):
    """Kill this process, as `kill -9` does, before its statement of this number."""
    statements = count(1)

    def wrapper(execute, *arguments):
        if next(statements) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*arguments)

    return wrapper


def kill_at_every_statement():
    _due_schedules(1)
    for number in count(1):
        _, status = os.waitpid(_sweep(_kill_at(number)), 0)
        rows = [model.objects.count() for model in (Firing, Task, Run)]
        if not os.WIFSIGNALED(status):
            break
        assert rows == [0, 0, 0], (number, rows)
    assert rows == [1, 1, 1], rows
    print(f"killed {number - 1} times")  # noqa: T201


def race():
    schedules = _due_schedules(10)
    for child in [_sweep() for _ in range(6)]:
        _, status = os.waitpid(child, 0)
        assert status == 0
    fired = Firing.objects.values_list("schedule_id", flat=True)
    assert sorted(fired) == sorted(schedule.pk for schedule in schedules)
    assert Task.objects.count() == Run.objects.count() == 10
    print("each fired once")  # noqa: T201
