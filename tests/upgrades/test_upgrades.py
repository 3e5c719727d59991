"""A database of each earlier schema becomes one of this version, and its waiting tasks go on."""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from tasks.models import PermissionRequest, Run, Task
from tests import live

pytestmark = pytest.mark.slow

DUMPS = sorted((Path(__file__).parent / "dumps").glob("*.sql.gz"))
OLDEST = next(dump for dump in DUMPS if dump.name.startswith("tasks.0001"))
EACH = pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.name[:-7])


def load(dump, file):
    with closing(sqlite3.connect(file)) as database:
        database.executescript(gzip.decompress(dump.read_bytes()).decode())
    return file


@pytest.fixture
def using(tmp_path, django_db_blocker):
    """Open databases under an alias of their own."""
    connections.databases["earlier"] = {
        **connections.databases["default"],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "earlier.sqlite3"),
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }
    with django_db_blocker.unblock():
        yield "earlier"
        connections["earlier"].close()
    del connections["earlier"]
    del connections.databases["earlier"]


@EACH
def test_it_migrates_and_what_waits_still_waits(dump, using):
    connection = connections[using]
    load(dump, connection.settings_dict["NAME"])
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    executor.migrate(executor.loader.graph.leaf_nodes(), plan)
    for model in apps.get_models(include_auto_created=True):
        list(model._base_manager.using(using)[:5])  # each column of it can be read
    due = Run.objects.using(using).filter(status=Run.Status.QUEUED)
    assert [run.task.title for run in due.select_related("task")] == [
        "Waits for a worker"
    ]
    (request,) = PermissionRequest.objects.using(using).pending()
    assert request.task.title == "Waits for a person"
    for task in Task.objects.using(using):
        assert task.live_run == task.runs.get().pk


@pytest.mark.parametrize("dump", [OLDEST], ids=["oldest"])
def test_real_processes_go_on_with_the_tasks_of_an_earlier_version(dump, tmp_path):
    with live.site(tmp_path, is_new=True) as site:
        site.environment["DATABASE_URL"] = ""
        load(dump, tmp_path / live.SQLITE_FILE)
        site.serve()  # which migrates
        by_title = {
            one["title"]: one["id"] for one in site.client.get("/api/tasks").json()
        }
        made = site.wait_for_status(by_title["Waits for a worker"], "completed")
        assert made["result"] == "made it"
        asking = by_title["Waits for a person"]
        site.pending(asking)
        live.wait_for(lambda: _completes(site, asking))
        assert site.task(asking)["result"] == "was let"


def _completes(site, task_id):
    """Allow what is asked. The agent may ask in other words than the dump's request has."""
    path = f"/api/notifications?taskId={task_id}&status=pending"
    for request in site.client.get(path).json():
        body = {"notificationId": request["id"], "behavior": "allow"}
        site.client.post(f"/api/tasks/{task_id}/respond", json=body)
    return site.task(task_id)["status"] == "completed"
