"""Streams on real servers: one that is not read costs nothing, and none stays open in silence."""

import json
import socket
import sqlite3
from contextlib import ExitStack

import httpx2 as httpx
import psutil
import psycopg
import pytest
from django.db import connection

from tests import live

pytestmark = pytest.mark.slow

READERS = 10
ENTRIES = 4_000
TEXT = 2_000  # characters: all of it for all readers is 80 MB
MOST_MEGABYTES = 30

needs_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite is no server that goes away"
)


@pytest.fixture(params=["daphne", "uvicorn", "serve_on_uvicorn"])
def site(request, tmp_path):
    with live.site(tmp_path) as running:
        running.process = getattr(running, request.param)()
        yield running


def execute(site, sql):
    """Run a statement in the site's own database."""
    if url := site.environment["DATABASE_URL"]:
        with psycopg.connect(url, autocommit=True) as database:
            database.execute(sql)
    else:
        with sqlite3.connect(site.home / "stagent.sqlite3") as database:
            database.execute(sql)
        database.close()


def numbers(count):
    return f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"


def fill_log(site):
    """Return a task that is in hand and has a long log."""
    task_id = site.client.post("/api/tasks", json={"title": "Long"}).json()["id"]
    key = task_id if connection.vendor == "postgresql" else task_id.replace("-", "")
    execute(
        site,
        "INSERT INTO tasks_logentry"
        " (task_id, sequence, event_type, message, data, recorded_at)"
        f" {numbers(ENTRIES)}"
        f" SELECT '{key}', i, 'assistant', '{'x' * TEXT}', '{{}}', '2026-01-01' FROM n",
    )
    execute(
        site,
        f"UPDATE tasks_task SET status = 'running', log_sequence = {ENTRIES}"
        f" WHERE id = '{key}'",
    )
    return task_id


def fill_list(site, count):
    """Insert tasks, of about 700 bytes each as JSON."""
    is_postgresql = connection.vendor == "postgresql"
    key = "gen_random_uuid()" if is_postgresql else "printf('%032x', i)"
    execute(
        site,
        "INSERT INTO tasks_task (id, title, description, status, priority, assigned_agent,"
        " agent_profile, output_schema, is_assist, created_by, result, resume_count,"
        " log_sequence, tags, model, effort, created_at, updated_at)"
        f" {numbers(count)} SELECT {key}, 'A task', '{'x' * 500}', 'planned', i % 4, '', '',"
        " '', false, '', '', 0, 0, '[]', '', '', '2026-01-01', '2026-01-01' FROM n",
    )


class Reader:
    """A client that asks and then takes what it likes, when it likes."""

    def __init__(self, site, path):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", site.port))
        ask = f"GET {path} HTTP/1.1\r\nHost: localhost:{site.port}\r\n\r\n"
        self.socket.sendall(ask.encode())
        assert self.socket.recv(12) == b"HTTP/1.1 200"

    def read_until(self, end):
        received = b""
        while end not in received:
            chunk = self.socket.recv(2**16)
            assert chunk, "the server hung up"
            received = received[-len(end) :] + chunk

    def ends(self):
        while self.socket.recv(2**16):
            pass
        return True

    def close(self):
        self.socket.close()


def megabytes(process):
    return psutil.Process(process.pid).memory_full_info().uss / 2**20


def followers(process):
    """Return how many clients the server has: its own connections to services are none."""
    found = psutil.Process(process.pid).net_connections("tcp")
    ours = {one.laddr.port for one in found if one.status == "LISTEN"}
    return sum(one.status == "ESTABLISHED" and one.laddr.port in ours for one in found)


def test_readers_of_a_log_that_do_not_read_cost_no_memory(site):
    path = f"/api/tasks/{fill_log(site)}/logs"
    with ExitStack() as stack:
        first = Reader(site, path)
        stack.callback(first.close)
        first.read_until(
            b'"sequence":%d' % ENTRIES
        )  # so that all is loaded that ever is
        before = megabytes(site.process)
        for _ in range(READERS):
            reader = Reader(site, path)
            stack.callback(reader.close)
        # Who comes after them is served to the end meanwhile.
        last = Reader(site, path)
        stack.callback(last.close)
        last.read_until(b'"sequence":%d' % ENTRIES)
        assert megabytes(site.process) - before < MOST_MEGABYTES
        reader.read_until(b'"sequence":%d' % ENTRIES)  # a slow one misses nothing


def test_readers_of_a_long_list_that_do_not_read_cost_no_memory(site):
    fill_list(site, 30_000)
    with ExitStack() as stack:
        first = Reader(site, "/api/tasks")
        stack.callback(first.close)
        first.read_until(b"]\r\n")
        before = megabytes(site.process)
        for _ in range(READERS):
            reader = Reader(site, "/api/tasks")
            stack.callback(reader.close)
        assert len(site.client.get("/api/tasks").json()) == 30_000
        assert megabytes(site.process) - before < MOST_MEGABYTES
        reader.read_until(b"]\r\n")


def test_a_reader_that_leaves_without_reading_leaves_nothing(site):
    path = f"/api/tasks/{fill_log(site)}/logs"
    site.client.close()
    readers = [Reader(site, path) for _ in range(READERS)]
    live.wait_for(lambda: psutil.Process(site.process.pid).num_fds() > READERS)
    for reader in readers:
        reader.close()
    live.wait_for(lambda: followers(site.process) == 0)


@needs_postgresql
def test_a_stream_whose_reads_fail_lives_on_and_ends(site):
    task_id = site.queue()
    with site.client.stream("GET", f"/api/tasks/{task_id}/logs") as response:
        lines = response.iter_lines()
        next(line for line in lines if "Moved to queued" in line)
        with site.absent_database():
            next(line for line in lines if line == ": keepalive")
        with httpx.Client(base_url=site.url, timeout=60) as client:
            path = f"/api/tasks/{task_id}"
            live.wait_for(lambda: client.get(path).status_code == 200)
            # What writes may find out later than what reads that the database is back.
            for body in ({"status": "running"}, {"status": "completed"}):
                live.wait_for(
                    lambda body=body: client.patch(path, json=body).status_code == 200
                )
        entries = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert entries[-1]["message"].startswith("Moved to completed")


@needs_postgresql
def test_a_list_that_cannot_be_finished_ends_and_is_no_whole_one(site):
    fill_list(site, 30_000)
    reader = Reader(site, "/api/tasks")
    with site.absent_database():
        received = b""
        while chunk := reader.socket.recv(2**16):
            received += chunk
    reader.close()
    assert not received.endswith(b"0\r\n\r\n")
    assert "Traceback" not in site.output
