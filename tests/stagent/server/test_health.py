"""What `/health/live` and `/health/ready` tell of a process, and what they keep to themselves."""

import asyncio
import json
import threading
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from stagent.server import health
from stagent.server.health import Health
from tests import live
from tests.factories import WorkerFactory

pytestmark = pytest.mark.django_db(transaction=True)


def ask(path="/health/ready", *, method="GET", host="localhost", checker=None):
    """Return the status and the body of the answer."""
    scope = {"path": path, "method": method, "headers": [(b"host", host.encode())]}
    (answer,) = ask_many(lambda checker: [checker.response(scope)], checker)
    return answer.status_code, json.loads(answer.content or "null")


def close_connection():
    connection.close()  # the one of the thread that this is called in


@async_to_sync
async def ask_many(requests, checker=None):
    """Return the answers of one process to what it is asked at once."""
    checker = checker or Health()
    try:
        return await asyncio.gather(*requests(checker))
    finally:
        await checker._threads.run(close_connection)


def failing(body):
    return [name for name, state in body["checks"].items() if state["status"] != "ok"]


def test_a_process_is_live_whatever_else_is_amiss():
    assert ask("/health/live") == (200, {"status": "live"})


def test_it_is_ready_when_a_worker_is_at_work():
    WorkerFactory()
    status, body = ask()
    assert (status, body["status"], failing(body)) == (200, "ready", [])
    assert list(body["checks"]) == [
        *("database", "migrations", "worker", "disk", "channelLayer")
    ]


def test_a_worker_whose_lease_ran_out_is_none():
    WorkerFactory(expires_at=timezone.now() - timedelta(seconds=1))
    status, body = ask()
    assert (status, failing(body)) == (503, ["worker"])
    assert body["checks"]["worker"]["message"] == health.NO_WORKER


def test_a_migration_that_is_not_applied_is_told():
    WorkerFactory()
    last = MigrationRecorder.Migration.objects.filter(app="tasks").latest("name")
    last.delete()
    try:
        status, body = ask()
    finally:
        last.save(force_insert=True)
    assert (status, failing(body)) == (503, ["migrations", "worker"])
    assert "manage.py migrate" in body["checks"]["migrations"]["message"]


def test_a_full_disk_is_told(settings):
    WorkerFactory()
    settings.STAGENT_MIN_FREE_DISK_MB = 2**40
    status, body = ask()
    assert (status, failing(body)) == (503, ["disk"])


@pytest.mark.skipif(connection.vendor != "sqlite", reason="it is moved away as a file")
def test_a_database_that_is_away_is_told_without_saying_where(tmp_path):
    WorkerFactory()
    name = connection.settings_dict["NAME"]

    def look_elsewhere():
        close_connection()
        connection.settings_dict["NAME"] = str(tmp_path / "none" / "x.sqlite3")

    checker = Health()

    async def use_thread(function):
        await checker._threads.run(function)

    async_to_sync(use_thread)(look_elsewhere)
    try:
        status, body = ask(checker=checker)
    finally:
        connection.settings_dict["NAME"] = name
    assert (status, failing(body)) == (503, ["database", "migrations", "worker"])
    assert str(tmp_path) not in json.dumps(body)


def test_a_database_that_hangs_is_told_in_time_and_holds_one_thread(monkeypatch):
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(health, "KEPT_SECONDS", 0)
    go_on, calls = threading.Event(), []

    def hang():
        calls.append(1)
        go_on.wait()
        return {}

    monkeypatch.setattr(health, "_look_at_rows", hang)
    scope = {"path": "/health/ready", "method": "GET", "headers": []}

    async def ask_often():
        checker = Health()
        try:
            return [(await checker.response(scope)).status_code for _ in range(5)]
        finally:
            go_on.set()
            await checker._threads.run(close_connection)

    assert async_to_sync(ask_often)() == [503] * 5
    assert len(calls) == 1


def test_who_asks_at_once_shares_one_check(monkeypatch):
    checks = []
    look = health._look_at_rows
    monkeypatch.setattr(health, "_look_at_rows", lambda: checks.append(1) or look())
    WorkerFactory()
    scope = {"path": "/health/ready", "method": "GET", "headers": []}
    answers = ask_many(lambda checker: [checker.response(scope) for _ in range(20)])
    assert {answer.status_code for answer in answers} == {200}
    assert len(checks) == 1


def test_a_host_that_is_not_ours_learns_the_state_alone():
    """Probes ask by address; a web page that leads its name here is to learn nothing more."""
    WorkerFactory()
    assert ask(host="10.0.0.7:8000") == (200, {"status": "ready"})


def test_they_take_no_writes():
    assert ask("/health/live", method="POST")[0] == 405


@pytest.mark.slow
def test_a_real_process_tells_it_without_a_login(tmp_path):
    with live.site(tmp_path, STAGENT_REQUIRE_AUTH="1") as site:
        site.serve()
        live.wait_for(lambda: site.client.get("/health/ready").status_code == 200)
        answer = site.client.get("/health/ready")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.json()["checks"]["channelLayer"] == {"status": "ok"}
        assert site.client.head("/health/live").status_code == 200
        assert site.client.get("/api/tasks").status_code == 401
