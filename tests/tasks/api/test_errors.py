"""Whatever a client sends, the answer is JSON, says what is wrong, and nothing has changed."""

import pytest

from tasks.models import LogEntry, Project, Run, Task
from tests.factories import TaskFactory

JSON_BODIES = [
    ("POST", "/api/tasks"),
    ("PATCH", "/api/tasks/{task}"),
    ("POST", "/api/tasks/{task}/respond"),
    ("POST", "/api/projects"),
    ("PATCH", "/api/projects/{project}"),
]


def text_error(answer):
    assert answer["Content-Type"] == "application/json"
    error = answer.json()["error"]
    assert isinstance(error, str)
    assert error
    return error


def flattened(answer):
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/json"
    error = answer.json()["error"]
    assert set(error) == {"formErrors", "fieldErrors"}
    return error


@pytest.fixture
def kept(api):
    """A task and a project that no refused request may change."""
    task = TaskFactory(title="Before")
    project = Project.objects.create(pk="kept", name="Before")
    yield {"task": task.pk, "project": project.pk}
    assert list(Task.objects.values_list("title", "status")) == [("Before", "planned")]
    assert list(Project.objects.values_list("name", flat=True)) == ["Before"]
    assert not LogEntry.objects.exists()
    assert not Run.objects.exists()


MALFORMED = [
    b"{",
    b"nonsense",
    b"{'title': 'x'}",
    b'{"title": "x",}',
    b'{"title": "x"} x',
    b'{"title": NaN}',
    b'{"title": "x", "priority": Infinity}',
    b'\xef\xbb\xbf{"title": "x"}',
    b'{"title": "\xff"}',
    b'{"title": "\xed\xa0\x80"}',
    '{"title": "x"}'.encode("utf-16"),
    b'{"title": "a\nb"}',
    b'{"title": "\x00"}',
    b"[" * 100_000,
    b'{"title": ' * 50_000,
    b'{"priority": 01}',
    b"-",
]


@pytest.mark.parametrize(("method", "path"), JSON_BODIES)
@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: repr(body[:20]))
def test_a_body_that_is_not_json_is_a_form_error(api, kept, method, path, body):
    answer = api.generic(method, path.format(**kept), body, "application/json")
    error = flattened(answer)
    assert error["fieldErrors"] == {}
    assert "JSON" in error["formErrors"][0]


@pytest.mark.parametrize(("method", "path"), JSON_BODIES)
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("null", "null"),
        ("[]", "array"),
        ("1", "number"),
        ("true", "boolean"),
        ('"x"', "string"),
    ],
)
def test_json_that_is_no_object_is_a_form_error(api, kept, method, path, body, kind):
    answer = api.generic(method, path.format(**kept), body, "application/json")
    assert flattened(answer) == {
        "formErrors": [f"Expected object, received {kind}"],
        "fieldErrors": {},
    }


@pytest.mark.parametrize(("method", "path"), JSON_BODIES)
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "",
        "x",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json-patch+json",
    ],
)
def test_a_body_of_another_type_is_a_415(api, kept, method, path, content_type):
    body = b'{"title": "After", "name": "After"}'
    answer = api.generic(method, path.format(**kept), body, content_type)
    assert answer.status_code == 415
    text_error(answer)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/json;charset=utf-16",
        "application/json ; charset=utf-7",
    ],
)
def test_parameters_of_the_type_do_not_matter(api, content_type):
    answer = api.generic("POST", "/api/tasks?x=1", b'{"title": "x"}', content_type)
    assert answer.status_code == 201


def test_what_the_client_accepts_does_not_matter(api):
    for accepted in ("text/html", "application/xml;q=0.9", "nonsense", ""):
        answer = api.get("/api/tasks/none", HTTP_ACCEPT=accepted)
        assert answer.status_code == 404
        text_error(answer)


@pytest.mark.parametrize("field", ["title", "description", "agentProfile", "result"])
@pytest.mark.parametrize(
    "escape", ["\\u0000", "a\\u0000b", "\\ud800", "\\udc00\\ud800"]
)
def test_text_that_cannot_be_stored_is_a_field_error(api, kept, field, escape):
    body = f'{{"{field}": "{escape}"}}'
    path = f"/api/tasks/{kept['task']}"
    answer = api.generic("PATCH", path, body, "application/json")
    assert list(flattened(answer)["fieldErrors"]) == [field]


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800"])
@pytest.mark.parametrize(
    ("field", "value"),
    [("projectId", '"{}"'), ("documentIds", '["{}"]'), ("assignedAgent", '"{}"')],
)
def test_ids_that_cannot_be_stored_are_field_errors(api, kept, field, value, escape):
    body = f'{{"title": "x", "{field}": {value.format(escape)}}}'
    answer = api.generic("POST", "/api/tasks", body, "application/json")
    assert list(flattened(answer)["fieldErrors"]) == [field]


NO_NUMBERS = ["1e400", "-1e400", "9" * 25, "9" * 5000, "-1", '"1"', "true"]
# Each with those that are numbers, but none of its own.
NUMBERS = {"priority": ["4", "1.5", "null"], "maxTurns": ["1.5"], "maxBudgetUsd": []}


@pytest.mark.parametrize(
    ("field", "number"),
    [(field, one) for field in NUMBERS for one in [*NO_NUMBERS, *NUMBERS[field]]],
)
def test_a_number_that_cannot_be_is_a_field_error(api, kept, field, number):
    body = f'{{"title": "After", "{field}": {number}}}'
    for method, path in JSON_BODIES[:2]:
        answer = api.generic(method, path.format(**kept), body, "application/json")
        assert list(flattened(answer)["fieldErrors"]) == [field]


def test_an_integer_written_as_a_float_is_one(api):
    answer = api.generic(
        "POST", "/api/tasks", b'{"title": "x", "priority": 1.0}', "application/json"
    )
    assert answer.status_code == 201
    assert answer.json()["priority"] == 1


def test_all_wrong_fields_are_told_at_once(api, kept):
    answer = api.post("/api/tasks", {"title": "", "priority": 9})
    assert flattened(answer) == {
        "formErrors": [],
        "fieldErrors": {
            "title": ["String must contain at least 1 character(s)"],
            "priority": ["Number must be less than or equal to 3"],
        },
    }


def test_lengths_count_as_in_javascript(api):
    assert api.post("/api/tasks", {"title": "😀" * 100}).status_code == 201
    assert api.post("/api/tasks", {"title": "😀" * 101}).status_code == 400
    assert (
        api.post("/api/tasks", {"title": "x", "description": "y" * 2001}).status_code
        == 400
    )


def test_nothing_is_trimmed(api):
    assert api.post("/api/tasks", {"title": "  "}).json()["title"] == "  "


def test_the_last_of_two_equal_keys_counts(api):
    answer = api.generic(
        "POST", "/api/tasks", b'{"title": "a", "title": "b"}', "application/json"
    )
    assert answer.json()["title"] == "b"


def test_an_empty_body_is_no_json(api):
    for method, path in (
        ("POST", "/api/tasks"),
        ("PATCH", f"/api/tasks/{TaskFactory().pk}"),
        ("POST", "/api/projects"),
        ("POST", "/api/permissions"),
    ):
        error = flattened(api.generic(method, path, b"", "application/json"))
        assert error["formErrors"] == ["The body is not valid JSON: it is empty"]
