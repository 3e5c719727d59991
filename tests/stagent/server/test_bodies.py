"""Bodies that are refused are not read, on every server: not by daphne's leave, nor uvicorn's."""

import asyncio
import socket
from contextlib import contextmanager

import httpx2 as httpx
import pytest

from stagent.server.daphne_bodies import MAX_WAITING_BYTES, Inbox
from tests import live

pytestmark = [pytest.mark.once, pytest.mark.slow]

MEGABYTE = 2**20
JSON = "Content-Type: application/json"
FORM = "Content-Type: multipart/form-data; boundary=x"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture(
    scope="module", params=["serve", "serve_on_uvicorn", "daphne", "uvicorn"]
)
def server(request, tmp_path_factory):
    """A server that needs a login, and a client that has one."""
    home = tmp_path_factory.mktemp(request.param)
    with live.site(home, STAGENT_REQUIRE_AUTH="1") as site:
        token = site.manage("issuetoken", "ci").stdout.strip()
        site.token = f"Authorization: Bearer {token}"
        site.client.headers["Authorization"] = f"Bearer {token}"
        getattr(site, request.param)()
        yield site


@contextmanager
def sending(site, path, *headers, host=None):
    """Send the head of a POST."""
    host = host or f"localhost:{site.port}"
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        connection.sendall("\r\n".join(lines).encode())
        yield connection


def status(connection):
    """Read the status of the answer."""
    answer = b""
    while b"\r\n" not in answer:
        part = connection.recv(100)
        assert part, "the server has hung up without an answer"
        answer += part
    return int(answer.split()[1])


def length(size):
    return f"Content-Length: {size}"


@pytest.mark.parametrize(
    ("path", "headers", "size"),
    [
        ("/api/tasks", [JSON], 10 * MEGABYTE + 1),
        ("/api/nothing", [JSON], 600 * MEGABYTE),
        ("/admin/login/", [FORM], 10 * MEGABYTE + 1),
        ("/api/documents", [FORM], 100 * MEGABYTE + 1),
        ("/api/tasks", [JSON, "Upgrade: websocket", "Connection: Upgrade"], 2**40),
    ],
)
def test_what_is_too_long_is_refused_at_the_head(server, path, headers, size):
    """The answer comes though nothing of the body was ever sent."""
    with sending(server, path, server.token, *headers, length(size)) as connection:
        assert status(connection) == 413


def test_nobody_is_told_to_go_on_with_what_is_refused(server):
    expect = ("Expect: 100-continue", length(600 * MEGABYTE))
    with sending(server, "/api/documents", server.token, FORM, *expect) as connection:
        if "uvicorn" in server.processes[-1].args:
            assert status(connection) == 413
        else:  # Twisted says so by itself; the answer follows at once
            with connection.makefile("rb") as answer:
                assert answer.read().count(b" 413 ") == 1


@pytest.mark.parametrize("size", [10, 50 * MEGABYTE])
def test_a_foreign_host_is_refused_at_the_head(server, size):
    head = (server.token, FORM, length(size))
    with sending(server, "/api/documents", *head, host="evil.example") as connection:
        assert status(connection) == 400


@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("/api/documents", FORM, 401),
        ("/api/tasks", JSON, 401),
        ("/admin/tasks/document/add/", FORM, 401),
        ("/api/nothing", JSON, 404),
    ],
)
def test_who_is_not_known_uploads_nothing(server, path, kind, code):
    with sending(server, path, kind, length(5 * MEGABYTE)) as connection:
        assert status(connection) == code


def test_who_lacks_the_right_uploads_nothing(server):
    made = server.manage("issuetoken", "reader", "--role", "viewer")
    token = f"Authorization: Bearer {made.stdout.strip()}"
    head = (token, FORM, length(50 * MEGABYTE))
    with sending(server, "/api/documents", *head) as connection:
        assert status(connection) == 403


def test_chunks_of_somebody_unknown_are_cut_early(server):
    with sending(server, "/api/documents", FORM, CHUNKED) as connection:
        connection.sendall(b"20000\r\n" + bytes(0x20000) + b"\r\n")  # and more to come
        assert status(connection) == 401


def test_chunks_are_cut_at_the_limit(server):
    with sending(server, "/api/tasks", server.token, JSON, CHUNKED) as connection:
        for _ in range(10):
            connection.sendall(b"100000\r\n" + bytes(MEGABYTE) + b"\r\n")
        connection.sendall(b"1\r\nx\r\n")  # one byte too many, and no end
        assert status(connection) == 413


def test_a_client_that_sends_it_all_still_hears_why(server):
    answer = server.client.post(
        "/api/tasks",
        content=(bytes(MEGABYTE) for _ in range(30)),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413
    assert answer.json()["error"] == "The body is larger than 10485760 bytes."
    assert server.client.get("/api/tasks").status_code == 200


@pytest.mark.parametrize("size", [0, 1, 70_000, 5 * MEGABYTE])
def test_what_is_let_in_arrives_whole(server, size):
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    made = server.client.post("/api/documents", files={"file": ("a.bin", content)})
    assert made.status_code == 201, made.text
    assert server.client.get(made.json()["url"]).content == content


def test_a_connection_goes_on_after_a_body(server):
    with httpx.Client(base_url=server.url, headers=server.client.headers) as client:
        for size in (1, 200_000, 1):
            body = {"title": "x", "unknown": "x" * size}
            assert client.post("/api/tasks", json=body).status_code == 201


# --- What waits for the application ------------------------------------------------------


class Transport:
    is_paused = False

    def pauseProducing(self):
        self.is_paused = True

    def resumeProducing(self):
        self.is_paused = False


async def test_a_client_waits_while_the_application_does_not_read():
    class Channel:
        _networkProducer = Transport()

    queue = asyncio.Queue()
    inbox = Inbox(queue, Channel)
    inbox.put_body(bytes(MAX_WAITING_BYTES), more_body=True)
    assert not Channel._networkProducer.is_paused
    inbox.put_body(b"x", more_body=True)
    assert Channel._networkProducer.is_paused
    await queue.get()
    assert not Channel._networkProducer.is_paused
