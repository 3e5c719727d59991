"""Requests as bytes on a real server: what no test client sends."""

import json
import socket

import pytest

from tests import live

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with live.site(tmp_path_factory.mktemp("site")) as running:
        running.serve()
        yield running


def exchange(site, *parts, method="POST", path="/api/tasks", headers=""):
    """Send raw bytes and return the status and the body of the answer."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost:{site.port}\r\n"
    head += f"Connection: close\r\n{headers}\r\n"
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        for part in (head.encode("latin-1"), *parts):
            connection.sendall(part)
        answer = connection.makefile("rb").read()
    top, _, body = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), body


JSON = "Content-Type: application/json\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"


def chunks(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


def test_a_body_in_chunks_is_read(site):
    body = chunks(b'{"tit', b'le": "in chunks"}')
    status, answer = exchange(site, body, headers=JSON + CHUNKED)
    assert (status, json.loads(answer).get("title")) == (201, "in chunks")


def test_a_patch_in_chunks_is_not_passed_over(site):
    path = f"/api/tasks/{site.queue('finish: x')}"
    body = chunks(b'{"priority": 0}')
    exchange(site, body, method="PATCH", path=path, headers=JSON + CHUNKED)
    assert site.client.get(path).json()["priority"] == 0


def test_an_upload_in_chunks_is_read(site):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    headers = f"Content-Type: multipart/form-data; boundary=x\r\n{CHUNKED}"
    body = chunks(head, b"abc", b"\r\n--x--\r\n")
    status, _ = exchange(site, body, path="/api/documents", headers=headers)
    assert status == 201


def test_a_body_that_comes_slowly_is_awaited(site):
    parts = [bytes([byte]) for byte in b'{"title": "x"}']
    status, _ = exchange(site, *parts, headers=f"{JSON}Content-Length: 14\r\n")
    assert status == 201


def test_a_body_of_chunks_beyond_the_limit_is_refused(site):
    body = chunks(*[b"x" * 2**20] * 11)
    status, answer = exchange(site, body, headers=JSON + CHUNKED)
    assert status == 413
    assert b'"error"' in answer


@pytest.mark.parametrize("view", ["", "/output", "/logs"])
def test_head_is_answered_without_a_body_and_ends(site, view):
    path = f"/api/tasks/{site.queue('finish: x')}{view}"
    assert exchange(site, method="HEAD", path=path) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/api/tasks/%00",
        "/api/projects/%00",
        "/api/a%2Fb",
        "/api/%2e%2e/admin/",
        "/api/%zz",
        "//api/tasks",
        "http://evil.example/api/tasks",
        "/api/tasks/" + "x" * 8000,
    ],
)
def test_a_path_to_nothing_is_a_404_in_json(site, path):
    status, answer = exchange(site, method="GET", path=path)
    assert status == 404
    assert json.loads(answer)["error"]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Host: evil.example", 400),
        ("Origin: http://[", 403),
        ("Origin: http://evil.example", 403),
        ("Authorization: Bearer ÿþ", 401),
        ("Cookie: sessionid=%00ÿ", 200),
        ("Content-Type: application/json; charset=hex", 200),
    ],
)
def test_a_hostile_header_is_no_server_error(site, header, status):
    assert exchange(site, method="GET", headers=f"{header}\r\n")[0] == status


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(site):
    before = len(site.client.get("/api/tasks").json())
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        head = f"POST /api/tasks HTTP/1.1\r\nHost: localhost:{site.port}\r\n{JSON}"
        connection.sendall(f'{head}Content-Length: 99\r\n\r\n{{"title": "x"}}'.encode())
    assert len(site.client.get("/api/tasks").json()) == before


def test_requests_in_a_row_are_answered_in_a_row(site):
    one = f"GET /api/{{}} HTTP/1.1\r\nHost: localhost:{site.port}\r\n{{}}\r\n"
    rows = one.format("tasks/1", "") + one.format("two", "Connection: close\r\n")
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        connection.sendall(rows.encode())
        answers = connection.makefile("rb").read()
    assert answers.count(b"HTTP/1.1 404") == 2
    assert answers.index(b"Task not found") < answers.index(b"nothing at /api/two")


def test_a_socket_of_another_protocol_is_refused_without_an_error(site):
    headers = (
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    head = f"GET /api/tasks HTTP/1.1\r\nHost: localhost:{site.port}\r\n"
    head += f"Connection: Upgrade\r\n{headers}\r\n"
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        connection.sendall(head.encode())
        assert int(connection.recv(100).split()[1]) == 403
