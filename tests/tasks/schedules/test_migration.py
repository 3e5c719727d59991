"""The schedules that were names only stay, and fire at no time that nobody chose."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from tasks.models import Schedule

pytestmark = pytest.mark.django_db


class Editor:
    connection = connection


def test_a_schedule_without_an_interval_is_paused_and_says_why():
    old = Schedule.objects.create(name="Mondays")
    new = Schedule.objects.create(name="Daily", cron_expression="0 9 * * *")
    migration = import_module("tasks.migrations.0014_pause_schedules_without_interval")
    migration.pause(apps, Editor)
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.status, new.status) == ("paused", "active")
    assert "no interval yet" in old.pause_reason
