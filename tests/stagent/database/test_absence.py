"""A database that is away or held by others: 503 and a sentence, and reads go on where they can."""

import logging
import sqlite3
import threading
from contextlib import closing, contextmanager

import httpx2 as httpx
import psycopg
import pytest
from django.db import connection
from django.test import Client

from stagent.server import health
from tasks.api import unavailable
from tasks.models import ApiToken
from tests import live
from tests.factories import SuperuserFactory

pytestmark = pytest.mark.slow

needs_sqlite = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL has many writers"
)
needs_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite is no server that goes away"
)


WRITERS = 12  # more than a web process has threads for them


@pytest.fixture
def site(tmp_path):
    with live.site(tmp_path) as running:
        yield running


@contextmanager
def held(file):
    """Hold SQLite's one write lock, as another process may."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@needs_sqlite
@pytest.mark.django_db(transaction=True)
def test_a_write_that_cannot_have_the_lock_is_503_and_no_traceback(api, caplog):
    api.raise_request_exception = False
    with connection.cursor() as cursor:
        (timeout,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute("PRAGMA busy_timeout = 0")
    try:
        with held(connection.settings_dict["NAME"]):
            answers = [api.post("/api/tasks", {"title": "x"}) for _ in range(5)]
            read = api.get("/api/tasks")
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {timeout}")
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0
        assert answer.json() == {"error": unavailable.BUSY}
    assert read.status_code == 200
    assert api.post("/api/tasks", {"title": "x"}).status_code == 201
    said = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) <= 1
    assert not any(record.exc_info for record in said)


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_is_wrong_is_500_still(api, admin_user):
    api.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tasks_task RENAME TO away")
    try:
        assert api.get("/api/tasks").status_code == 500
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO tasks_task")


@contextmanager
def read_only():
    """Have the database take no changes, as a standby takes none."""
    variable = {
        "sqlite": "PRAGMA query_only = {}",
        "postgresql": "SET default_transaction_read_only = {}",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(variable.format("on"))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(variable.format("off"))


@pytest.mark.django_db(transaction=True)
def test_a_database_that_takes_no_changes_is_read_still_and_says_so(api, caplog):
    api.raise_request_exception = False
    task_id = api.post("/api/tasks", {"title": "x"}).json()["id"]
    _, token = ApiToken.objects.issue(name="ci", user=SuperuserFactory())
    known = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    with read_only():
        read = api.get(f"/api/tasks/{task_id}", **known)
        answers = [
            api.post("/api/tasks", {"title": "x"}, **known),
            api.delete(f"/api/tasks/{task_id}", **known),
        ]
    assert read.status_code == 200
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json() == {"error": unavailable.READ_ONLY}
    assert not any(record.exc_info for record in caplog.records)


@needs_sqlite
@pytest.mark.django_db(transaction=True)
def test_a_disk_that_is_full_is_named(api):
    api.raise_request_exception = False
    with connection.cursor() as cursor:
        (most,) = cursor.execute("PRAGMA max_page_count").fetchone()
        cursor.execute("PRAGMA max_page_count = 1")  # as many as there are already
        (free,) = cursor.execute("PRAGMA freelist_count").fetchone()
    try:
        body = {"title": "x", "description": "x" * 2000}
        # Tests before this one may have left free pages, which are filled first.
        answers = [api.post("/api/tasks", body) for _ in range(40 + 4 * free)]
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA max_page_count = {most}")
    assert answers[-1].status_code == 503
    assert answers[-1].json() == {"error": unavailable.FULL}


@needs_postgresql
@pytest.mark.django_db
def test_that_it_takes_no_changes_is_no_readiness():
    assert health._look_at_rows()["database"] == ""
    with connection.cursor() as cursor:
        cursor.execute("SET transaction_read_only = on")
    assert health._look_at_rows()["database"] == health.READ_ONLY


@contextmanager
def held_table(url):
    """Hold PostgreSQL's table of tasks against all that write to it."""
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE tasks_task IN EXCLUSIVE MODE")
        yield
        other.rollback()


def test_writes_that_wait_do_not_stop_reads(site):
    """However many: each is held by another process for as long as that likes."""
    site.serve()
    url = site.environment["DATABASE_URL"]
    written = []

    def write():
        with httpx.Client(base_url=site.url, timeout=60) as other:
            written.append(other.post("/api/tasks", json={"title": "x"}).status_code)

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    with held_table(url) if url else held(site.home / "stagent.sqlite3"):
        for writer in writers:
            writer.start()
        for _ in range(50):  # until after the writes have come, and longer
            assert site.client.get("/api/tasks").status_code == 200
        assert not written
    for writer in writers:
        writer.join()
    assert written == [201] * WRITERS


@needs_postgresql
def test_while_postgresql_is_away_requests_are_503_and_say_so(site):
    site.serve()
    site.client.get("/api/tasks")
    with site.absent_database():
        api = [site.client.get("/api/tasks") for _ in range(20)]
        api.append(site.client.post("/api/tasks", json={"title": "x"}))
        page = site.client.get("/admin/", headers={"Cookie": "sessionid=" + "x" * 32})
    for answer in [*api, page]:
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
    assert all(answer.json() == {"error": unavailable.AWAY} for answer in api)
    assert page.headers["Content-Type"].startswith("text/html")
    assert unavailable.AWAY in page.text
    live.wait_for(lambda: site.client.get("/api/tasks").status_code == 200)
    assert "Traceback" not in site.output
    assert site.output.count("answered 503") <= 2


@needs_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_row_that_others_hold_is_503_too(api):
    api.raise_request_exception = False
    task_id = api.post("/api/tasks", {"title": "x"}).json()["id"]
    other = connection.copy()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM tasks_task FOR UPDATE")
            answer = api.patch(f"/api/tasks/{task_id}", {"priority": 0})
            cursor.execute("ROLLBACK")
    finally:
        other.close()
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
    assert answer.status_code == 503
    assert answer.json() == {"error": unavailable.BUSY}


def test_the_page_needs_no_database():
    """It is made while there is none."""
    request = Client().get("/admin/login/").wsgi_request
    answer = unavailable.unavailable(request, TimeoutError("It waited."))
    assert answer.status_code == 503
    assert unavailable.BUSY in answer.content.decode()
