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


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite's statistics")
@pytest.mark.django_db
def test_all_whole_indexes_of_a_table_tell_the_same_number_of_rows():
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("DELETE FROM sqlite_stat1")
        cursor.execute(
            "INSERT INTO sqlite_stat1 VALUES"
            " ('tasks_task', 'task_order', '4309632 401 1'),"
            " ('tasks_task', 'task_last_updated', '514188 1'),"
            " ('tasks_task', 'task_workflow', '7 1')"
        )
        persistent_connections.optimize()
        cursor.execute("SELECT idx, stat FROM sqlite_stat1 WHERE tbl = 'tasks_task'")
        assert dict(cursor.fetchall()) == {
            "task_order": "514188 401 1",
            "task_last_updated": "514188 1",
            "task_workflow": "7 1",
        }
