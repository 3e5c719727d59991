"""What `manage.py serve` says before it serves, and what it does at its first start."""

import socket
import time

import httpx2 as httpx
import pytest
from django.db import connection

from tests import live

pytestmark = pytest.mark.slow

WEB_THREADS = 8


@pytest.fixture
def site(tmp_path):
    with live.site(tmp_path) as running:
        yield running


@pytest.fixture
def new_site(tmp_path):
    with live.site(tmp_path, is_new=True) as running:
        yield running


def test_the_server_refuses_to_start_open(site):
    refused = site.manage("serve", "--host", "0.0.0.0", "--port", str(site.port))
    assert refused.returncode != 0
    assert "manage.py issuetoken" in refused.stderr


def test_a_taken_port_is_said_plainly(site):
    with socket.create_server(("127.0.0.1", site.port)):
        refused = site.manage("serve", "--port", str(site.port))
    assert refused.returncode != 0
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_host_is_an_address(site):
    refused = site.manage("serve", "--host", "example.com")
    assert "takes an address" in refused.stderr


def test_the_first_start_shows_an_example_and_later_ones_do_not(new_site):
    site = new_site
    first = site.start("manage.py", "serve", "--port", str(site.port))
    live.wait_for(lambda: "The task is completed" in site.output)
    told = site.output
    login = told.index("(log in as admin with password ")
    assert told.index("Stagent is on ") < login < told.index("This is the first start")
    assert site.client.get("/api/projects/proj-8f3a-4b2c").status_code == 200
    assert (
        site.client.get("/api/documents/doc-meeting-transcript-001").status_code == 200
    )
    first.terminate()
    assert first.wait(timeout=60) == 0

    second = site.start("manage.py", "serve", "--port", str(site.port))
    site.wait_until_up(second)
    live.wait_for(lambda: site.output.count("Admin: ") == 2)
    assert site.output.count("The task is completed") == 1
    assert len(site.client.get("/api/tasks").json()) == 1


@pytest.mark.parametrize("process", ["serve", "serve_on_uvicorn", "daphne"])
def test_a_form_that_nobody_can_read_is_answered_as_every_error(site, process):
    """Twisted would read it on the event loop, and hang up on what it cannot read."""
    getattr(site, process)()
    answer = site.client.post(
        "/api/documents",
        content=b"--x\r\nno form at all",
        headers={"Content-Type": "multipart/form-data; boundary=y"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite is no server")
def test_lost_connections_to_the_database_heal(site):
    site.serve()
    assert site.client.get("/api/tasks").status_code == 200

    site.end_connections()
    time.sleep(1.1)  # they are looked at once a second
    assert site.client.get("/api/tasks").status_code == 200

    assert site.client.get("/api/tasks").status_code == 200
    site.end_connections()
    # The request that finds its connection lost fails; the next in its thread does not.
    statuses = [site.client.get("/api/tasks").status_code for _ in range(20)]
    assert set(statuses) <= {200, 503}
    assert statuses.count(503) <= WEB_THREADS
    assert statuses[-1] == 200


@pytest.mark.parametrize(
    ("host", "allowed", "address", "advice"),
    [
        ("0.0.0.0", "", "127.0.0.1", "the name or address that they use"),
        ("::", "", "[::1]", "the name or address that they use"),
        ("0.0.0.0", "localhost.localdomain", "localhost.localdomain", ""),
        ("0.0.0.0", "*", "127.0.0.1", ""),
        ("127.0.0.2", "", "127.0.0.2", "127.0.0.2"),
        ("127.0.0.2", "127.0.0.2", "127.0.0.2", ""),
    ],
)
def test_the_address_that_is_said_works_or_what_to_set(
    tmp_path, host, allowed, address, advice
):
    with live.site(tmp_path, STAGENT_ALLOWED_HOSTS=allowed) as site:
        assert site.manage("issuetoken", "one").returncode == 0
        site.start(
            "manage.py",
            "serve",
            "--host",
            host,
            "--port",
            str(site.port),
            "--no-example",
        )
        live.wait_for(lambda: "Admin: " in site.output)
        assert f"Admin: http://{address}:{site.port}/admin/" in site.output
        assert ("STAGENT_ALLOWED_HOSTS" in site.output) == bool(advice)
        assert f"STAGENT_ALLOWED_HOSTS is set to {advice}" in site.output or not advice
        headers = {"Host": f"{address}:{site.port}"}
        target = f"http://{'[::1]' if host == '::' else host}:{site.port}/admin/login/"
        status = httpx.get(target, headers=headers).status_code
        # Where it cannot be an address that works, it is one that works once that is set.
        assert status == (400 if host == advice else 200)
