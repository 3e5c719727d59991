"""No web page may drive the server but its own, and no name but its own reaches it."""

import pytest

from tasks.models import Task

HOST = "localhost:3000"
OWN = "http://localhost:3000"

READS = [
    # Origin, Sec-Fetch-Site, Sec-Fetch-Mode -> is it let in?
    (None, None, None, True),  # curl, an SDK
    (None, "none", "navigate", True),  # typed into the address bar
    (None, "same-origin", "cors", True),
    (None, "same-origin", "no-cors", True),
    (
        None,
        "cross-site",
        "navigate",
        True,
    ),  # a link: the page that sent it sees nothing
    (None, "same-site", "navigate", True),
    (None, "cross-site", "no-cors", False),  # <img>, <script>
    (None, "cross-site", "cors", False),
    (None, "same-site", "no-cors", False),  # localhost:8080
    (None, "same-site", "cors", False),
    (None, "nonsense", "cors", False),
    (None, "", "", False),
    (OWN, None, None, True),
    (OWN, "same-origin", "cors", True),
    ("HTTP://LOCALHOST:3000", None, None, True),
    ("https://localhost:3000", None, None, False),  # another server's, or nobody's
    ("https://localhost:3000", "cross-site", "cors", False),
    ("ws://localhost:3000", None, None, False),
    ("//localhost:3000", None, None, False),
    ("http://localhost:3000/", None, None, False),
    ("http://localhost", None, None, False),
    ("http://localhost:8080", None, None, False),
    ("http://127.0.0.1:3000", None, None, False),
    ("http://evil.example", None, None, False),
    ("http://evil.example:3000", None, None, False),
    ("http://localhost:3000.evil.example", None, None, False),
    ("http://localhost:3000@evil.example", None, None, False),
    ("http://evil.example@localhost:3000", None, None, False),
    ("http://evil.example/localhost:3000", None, None, False),
    ("http://localhost.evil.example:3000", None, None, False),
    ("null", None, None, False),
    ("", None, None, False),
    ("file://", None, None, False),
    ("nonsense", None, None, False),
    ("http://[", None, None, False),
    ("http://[::1", None, None, False),
    ("http://[nonsense]:3000", None, None, False),
    ("http://localhost:3000, http://evil.example", None, None, False),
    ("null", "same-origin", "cors", False),
    ("http://evil.example", "cross-site", "navigate", False),
    ("http://evil.example", "same-origin", "cors", False),
]
WRITES = [
    (None, None, None, True),
    (None, "none", "navigate", True),
    (None, "same-origin", "cors", True),
    (None, "cross-site", "navigate", False),  # a form of another page
    (None, "same-site", "navigate", False),
    (None, "cross-site", "no-cors", False),
    (None, "cross-site", "cors", False),
    (OWN, "same-origin", "cors", True),
    ("http://evil.example", "cross-site", "cors", False),
    ("http://evil.example", None, None, False),
    ("null", "cross-site", "navigate", False),
    ("http://[", None, None, False),
]


def headers(origin, site, mode):
    given = {
        "HTTP_ORIGIN": origin,
        "HTTP_SEC_FETCH_SITE": site,
        "HTTP_SEC_FETCH_MODE": mode,
    }
    return {name: value for name, value in given.items() if value is not None}


@pytest.mark.parametrize(("origin", "site", "mode", "is_let_in"), READS)
def test_who_may_read(api, origin, site, mode, is_let_in):
    answer = api.get("/api/tasks", **headers(origin, site, mode))
    assert answer.status_code == (200 if is_let_in else 403)


@pytest.mark.parametrize(("origin", "site", "mode", "is_let_in"), WRITES)
def test_who_may_write(api, origin, site, mode, is_let_in):
    answer = api.post("/api/tasks", {"title": "x"}, **headers(origin, site, mode))
    assert answer.status_code == (201 if is_let_in else 403)
    assert Task.objects.exists() is is_let_in
    if not is_let_in:
        assert answer.json() == {"error": "Requests from other origins are refused."}


def test_a_preflight_of_another_page_allows_nothing(api):
    answer = api.options(
        "/api/tasks",
        HTTP_ORIGIN="http://evil.example",
        HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST",
    )
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.parametrize(
    "host",
    [
        HOST,
        "localhost",
        "LOCALHOST:3000",
        "localhost.:3000",
        "127.0.0.1:3000",
        "[::1]:3000",
    ],
)
def test_names_of_this_machine_reach_it(api, host):
    assert api.get("/api/tasks", HTTP_HOST=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3000",
        "localhost.evil.example",
        "localhost@evil.example",
        "localhost:3000@evil.example",
        "localhost:port",
        "127.0.0.1.nip.io",
        "127.0.0.2",
        "0.0.0.0:3000",
        "[::]:3000",
        "[::1",
        "2130706433",
        "localhost evil.example",
        "localhost,evil.example",
        "locälhost",
        "'\"<x>",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("path", ["/api/tasks", "/api/nothing", "/admin/login/"])
def test_no_other_name_reaches_it(api, host, path):
    answer = api.get(path, HTTP_HOST=host)
    assert answer.status_code == 400
    assert "STAGENT_ALLOWED_HOSTS" in answer.json()["error"]


def test_a_forwarded_host_is_not_believed(api):
    answer = api.get(
        "/api/tasks", HTTP_HOST="evil.example", HTTP_X_FORWARDED_HOST="localhost"
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("is_https", "origin", "is_let_in"),
    [
        (
            False,
            "https://stagent.example",
            True,
        ),  # a proxy ends TLS and does not say so
        (False, "http://stagent.example", True),
        (True, "https://stagent.example", True),
        (True, "http://stagent.example", False),  # a page that anybody on the way wrote
        (True, "https://stagent.example:8443", False),
    ],
)
def test_the_scheme_counts(api, settings, is_https, origin, is_let_in):
    settings.ALLOWED_HOSTS = ["stagent.example"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    headers = {"HTTP_X_FORWARDED_PROTO": "https"} if is_https else {}
    answer = api.get(
        "/api/schema", HTTP_HOST="stagent.example", HTTP_ORIGIN=origin, **headers
    )
    assert (answer.status_code != 403) is is_let_in


def test_a_name_that_is_allowed_reaches_it(api, settings):
    settings.ALLOWED_HOSTS = ["stagent.example"]
    answer = api.get(
        "/api/tasks",
        HTTP_HOST="stagent.example",
        HTTP_ORIGIN="https://stagent.example",
    )
    assert answer.status_code == 200
