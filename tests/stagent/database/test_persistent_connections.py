"""Lasting connections are looked after, and keep SQLite's statistics fresh."""

import pytest
from django.db import connection

from stagent.database import persistent_connections
from tests.factories import TaskFactory


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="is about SQLite's statistics"
)
@pytest.mark.django_db
def test_sqlite_renews_its_statistics_when_they_are_due(monkeypatch):
    monkeypatch.setattr(persistent_connections, "close_old_connections", lambda: None)
    persistent_connections.look_after(has_failed=True)
    TaskFactory.create_batch(30)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tasks_project")
        cursor.execute("SELECT * FROM tasks_task WHERE status = 'planned'")
    persistent_connections._looked.optimize_at = 0
    persistent_connections.look_after(has_failed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'tasks_task'")
        assert cursor.fetchone()[0] > 0
    assert persistent_connections._looked.optimize_at > 0
