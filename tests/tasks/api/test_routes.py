"""Every route has its methods, and a path or an id to nothing is a 404 in JSON."""

import pytest

NOWHERE = "7f9c1c1e-3a52-4b0a-9d86-0d8d2f1f6f10"
ONE = f"/api/tasks/{NOWHERE}"
ACTIONS = ("execute", "resume", "cancel", "respond")
VIEWS = (
    *("output", "provenance", "siblings", "logs"),
    *("files", "files/a.txt", "files.zip", "diff"),
)
# route -> the methods it has
ROUTES = {
    "/api/tasks": {"GET", "POST"},
    ONE: {"GET", "PATCH", "DELETE"},
    **{f"{ONE}/{action}": {"POST"} for action in ACTIONS},
    **{f"{ONE}/{view}": {"GET"} for view in VIEWS},
    "/api/projects": {"GET", "POST"},
    "/api/projects/x": {"GET", "PATCH", "DELETE"},
    "/api/documents": {"GET", "POST"},
    "/api/projects/x/documents": {"GET", "PUT"},
    "/api/documents/x": {"GET", "PATCH", "DELETE"},
    "/api/documents/x/file": {"GET"},
    "/api/documents/x/versions": {"GET"},
    "/api/documents/x/content": {"GET"},
    "/api/events": {"GET"},
    "/api/webhooks": {"GET", "POST"},
    "/api/webhooks/x": {"GET", "PATCH", "DELETE"},
    "/api/webhooks/x/test": {"POST"},
    "/api/webhooks/x/deliveries": {"GET"},
    "/api/webhooks/x/deliveries/x": {"GET"},
    "/api/webhooks/x/deliveries/x/redeliver": {"POST"},
    "/api/notifications": {"GET"},
    "/api/notifications/x": {"GET", "PATCH"},
    "/api/notifications/mark-all-read": {"PATCH"},
    "/api/permissions": {"GET", "POST"},
    "/api/permissions/1": {"GET", "DELETE"},
    "/api/profiles": {"GET", "POST"},
    "/api/profiles/x": {"GET", "PATCH", "PUT", "DELETE"},
    "/api/runtimes": {"GET"},
    "/api/budgets": {"GET", "POST"},
    "/api/budgets/1": {"GET", "PATCH", "DELETE"},
    "/api/usage": {"GET"},
    "/api/schedules": {"GET", "POST"},
    "/api/schedules/parse": {"POST"},
    "/api/schedules/x": {"GET", "PATCH", "DELETE"},
    "/api/schedules/x/execute": {"POST"},
    "/api/schedules/x/heartbeat-history": {"GET"},
    "/api/schema": {"GET"},
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")


def text_error(answer):
    assert answer["Content-Type"] == "application/json"
    error = answer.json()["error"]
    assert isinstance(error, str)
    assert error
    return error


@pytest.mark.parametrize(
    "name",
    [
        "tasks",
        "projects",
        "documents",
        "notifications",
        "permissions",
        "profiles",
        "runtimes",
        "budgets",
        "usage",
        "schedules",
        "schema",
    ],
)
def test_a_route_is_there(api, name):
    assert api.get(f"/api/{name}").status_code == 200


@pytest.mark.parametrize(
    ("route", "method"),
    [(r, method) for r in ROUTES for method in METHODS if method not in ROUTES[r]],
)
def test_a_method_that_a_route_has_not_is_a_405(api, route, method):
    answer = api.generic(method, route)
    assert answer.status_code == 405
    text_error(answer)
    assert set(answer["Allow"].split(", ")) - {"OPTIONS", "HEAD"} == ROUTES[route]


@pytest.mark.parametrize("route", ROUTES)
def test_options_is_answered(api, route):
    answer = api.options(route)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("application/")


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/tasks/",
        f"{ONE}/",
        f"{ONE}/nothing",
        f"{ONE}/execute/",
        "/api/tasks//execute",
        "/api/%00",
        "/api/%FF%FE",
        "/api/%F0%9F%98%80",
        "/api/a%0Ab",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_path_to_nothing_is_a_404_in_json(api, path, method):
    answer = api.generic(method, path)
    assert answer.status_code == 404
    text_error(answer)


WEIRD_IDS = [
    "none",
    "task-9d4e-a1b2",
    "0",
    "-1",
    NOWHERE.replace("-", ""),
    f"%7B{NOWHERE}%7D",
    f"urn:uuid:{NOWHERE}",
    f"{NOWHERE}%20",
    "%00",
    f"{NOWHERE}%00",
    "%0A",
    "%25",
    "%FF",
    "%ED%A0%80",
    "..",
    "%2e%2e",
    "a%5Cb",
    "'%20OR%201=1--",
    "%F0%9F%98%80",
    "x" * 5000,
]


@pytest.mark.parametrize(
    ("method", "route"),
    [
        *[(method, "/api/tasks/{}") for method in ("GET", "PATCH", "DELETE")],
        *[("POST", f"/api/tasks/{{}}/{action}") for action in ACTIONS],
        *[("GET", f"/api/tasks/{{}}/{view}") for view in VIEWS],
        *[(method, "/api/projects/{}") for method in ("GET", "PATCH", "DELETE")],
        *[(method, "/api/documents/{}") for method in ("GET", "PATCH", "DELETE")],
        ("GET", "/api/documents/{}/file"),
        ("GET", "/api/documents/{}/versions"),
        *[(method, "/api/projects/{}/documents") for method in ("GET", "PUT")],
        ("GET", "/api/documents/{}/content"),
        ("GET", "/api/notifications/{}"),
        *[(method, "/api/schedules/{}") for method in ("GET", "PATCH", "DELETE")],
        ("POST", "/api/schedules/{}/execute"),
        ("GET", "/api/schedules/{}/heartbeat-history"),
        ("GET", "/api/profiles/{}"),
    ],
)
def test_an_id_that_is_not_there_is_a_404_whatever_its_shape(api, method, route):
    for weird in WEIRD_IDS:
        answer = api.generic(method, route.format(weird), b"{}", "application/json")
        assert answer.status_code == 404, weird
        text_error(answer)


@pytest.mark.parametrize(
    "project", ["%ED%A0%80", "x" * 5000, ""], ids=["surrogate", "long", "none"]
)
def test_documents_of_a_project_that_is_not_there_are_none(api, project):
    answer = api.get(f"/api/documents?projectId={project}")
    assert (answer.status_code, answer.json()) == (200, [])


def test_documents_of_a_project_that_no_text_can_name_are_a_field_error(api):
    answer = api.get("/api/documents?projectId=%00")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == ["projectId"]
