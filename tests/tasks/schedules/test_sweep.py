"""What every worker does again and again: fire what is due, and know when the next is."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tasks.models import Firing, Task
from tasks.schedules import firing
from tests import live
from tests.tasks.schedules.due import due_schedule

SCRIPT = "from tests.tasks.schedules import processes; processes.{}()"


def seconds_ago(number):
    return timezone.now() - timedelta(seconds=number)


@pytest.mark.django_db
def test_it_fires_what_is_due_and_returns_when_the_next_is():
    schedule = due_schedule(at=seconds_ago(1))
    due_schedule(at=timezone.now() + timedelta(seconds=40), cron_expression="* * * * *")
    assert firing.sweep() == 0  # there may be more
    assert schedule.firings.get().status == "started"
    assert 0 < firing.sweep() <= 40


@pytest.mark.django_db
def test_without_active_schedules_there_is_no_next_time():
    due_schedule(status="paused", at=None)
    assert firing.sweep() is None


@pytest.mark.django_db
def test_with_nothing_due_it_takes_two_queries_whatever_there_is():
    for _ in range(20):
        due_schedule(at=timezone.now() + timedelta(hours=1))
    with CaptureQueriesContext(connection) as queries:
        firing.sweep()
    assert len(queries) == 2


@pytest.mark.django_db
def test_what_is_due_at_once_is_fired_in_several_sweeps():
    for _ in range(firing.MOST_AT_ONCE + 3):
        due_schedule(at=seconds_ago(1))
    assert firing.sweep() == 0  # at once again
    firing.sweep()
    assert Firing.objects.count() == Task.objects.count() == firing.MOST_AT_ONCE + 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "outcome"),
    [("kill_at_every_statement", "killed"), ("race", "each fired once")],
)
def test_a_firing_is_exactly_once(tmp_path, script, outcome):
    """Six workers at once, and one that is killed at each of its statements."""
    with live.site(tmp_path) as site:
        done = site.manage("shell", "-c", SCRIPT.format(script))
        assert outcome in done.stdout, done.stderr
