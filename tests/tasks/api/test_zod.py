"""Requests are judged as the real Zod 3 judges them, and text that cannot be stored is refused.

`zod_cases.jsonl` and `zod_more.jsonl` are what it said; zod_more.mjs makes the second anew.
"""

import json
from pathlib import Path

import orjson
import pytest
from django.http import QueryDict
from drf_spectacular.generators import SchemaGenerator
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.fields import SkipField, empty

from tasks.api import zod
from tasks.api.requests.notifications import Respond
from tasks.api.requests.projects import CreateProject, UpdateProject
from tasks.api.requests.tasks import CreateTask, TaskListQuery, UpdateTask

SERIALIZERS = {
    "create": CreateTask,
    "update": UpdateTask,
    "list": TaskListQuery,
    "respond": Respond,
    "createProject": CreateProject,
    "updateProject": UpdateProject,
}
VALIDATORS = {name: serializer.validator() for name, serializer in SERIALIZERS.items()}

NUL = "String must not contain NUL characters"
SURROGATES = "String must not contain lone surrogates"
TOO_DEEP = "Object must not be deeper than 100 levels"


def cases(schema):
    """Yield each body that Zod judged by `schema`, and its verdict."""
    for file in ("zod_cases.jsonl", "zod_more.jsonl"):
        with Path(__file__).with_name(file).open(encoding="utf-8") as lines:
            for case in map(json.loads, lines):
                if case.pop("schema") == schema:
                    body = (
                        case.pop("input")
                        if "input" in case
                        else json.loads(case.pop("body"))
                    )
                    yield body, case


def judged(schema, body):
    try:
        data = VALIDATORS[schema](body)
    except zod.Invalid as invalid:
        return {"ok": False, "error": invalid.flattened, "data": None}
    return {"ok": True, "error": None, "data": data}


def spelled(verdict):
    """Spell a verdict so that 1.0 is 1, as in JavaScript, and true is not, as in Python."""
    return json.dumps(json.loads(json.dumps(verdict), parse_int=float), sort_keys=True)


def errors(schema, body):
    return judged(schema, body)["error"]["fieldErrors"]


def responded(**fields):
    return {"notificationId": "n", "behavior": "allow", **fields}


def nested(levels, unit):
    value = 0
    for _ in range(levels):
        value = unit(value)
    return value


@pytest.mark.parametrize("schema", SERIALIZERS)
def test_every_body_is_judged_as_by_zod(schema):
    for body, verdict in cases(schema):
        assert spelled(judged(schema, body)) == spelled(verdict), body


@pytest.mark.parametrize("schema", SERIALIZERS)
def test_errors_are_told_in_the_order_of_the_schema(schema):
    for body, verdict in cases(schema):
        assert str(judged(schema, body)["error"]) == str(verdict["error"])


# --- Text that cannot be stored -------------------------------------------------------


@pytest.mark.parametrize(
    ("escape", "message"),
    [(r"\u0000", NUL), (r"\ud800", SURROGATES), (r"\udc00\ud800", SURROGATES)],
)
@pytest.mark.parametrize(
    ("schema", "field", "body"),
    [
        ("create", "title", '{"title": "a%s"}'),
        ("create", "documentIds", '{"title": "a", "documentIds": ["a", "%s"]}'),
        ("update", "result", '{"result": "%s"}'),
        ("list", "projectId", '{"projectId": "%s"}'),
        ("list", "cursor", '{"cursor": "%s"}'),
        ("respond", "notificationId", '{"notificationId": "%s", "behavior": "deny"}'),
        ("createProject", "name", '{"name": "%s"}'),
    ],
)
def test_text_that_cannot_be_stored_is_a_field_error(
    schema, field, body, escape, message
):
    assert errors(schema, json.loads(body % escape)) == {field: [message]}


@pytest.mark.parametrize(
    "record",
    ['{"%s": 1}', '{"a": "%s"}', '{"a": [{"b": {"%s": []}}]}', '{"a": ["%s"]}'],
)
@pytest.mark.parametrize(
    ("escape", "message"), [(r"\u0000", NUL), (r"\ud83d", SURROGATES)]
)
def test_so_it_is_at_any_depth_of_a_record(record, escape, message):
    body = responded(updatedInput=json.loads(record % escape))
    assert errors("respond", body) == {"updatedInput": [message]}


def test_zods_issues_go_before_ours_and_ours_are_told_once():
    long = "String must contain at most 200 character(s)"
    assert errors("create", {"title": "\0\ud800" * 101}) == {
        "title": [long, NUL, SURROGATES]
    }
    body = responded(updatedInput={"a": ["\0", "\0\ud800"], "\0": "\udc00"})
    assert errors("respond", body) == {"updatedInput": [NUL, SURROGATES]}


def test_a_surrogate_pair_is_a_character():
    data = VALIDATORS["create"](json.loads(r'{"title": "\ud83d\ude00"}'))
    assert data["title"] == "😀"


def test_text_that_is_dropped_may_be_anything():
    assert VALIDATORS["update"]({"\0": "\ud800", "unknown": ["\0"]}) == {}


def test_a_refused_choice_can_be_shown_whatever_it_holds():
    [message] = errors("respond", responded(behavior="a\ud800\0"))["behavior"]
    assert message.endswith(r"Expected 'allow' | 'deny', received 'a\ud800" + "\0'")
    assert orjson.dumps(message)


# --- Sizes ----------------------------------------------------------------------------


@pytest.mark.parametrize("unit", [lambda inner: {"a": inner}, lambda inner: [inner]])
@pytest.mark.parametrize(
    ("levels", "message"), [(99, None), (100, TOO_DEEP), (9000, TOO_DEEP)]
)
def test_a_record_has_a_hundred_levels_at_most(unit, levels, message):
    body = responded(updatedInput={"a": nested(levels, unit)})
    error = judged("respond", body)["error"]
    assert error == (
        message and {"formErrors": [], "fieldErrors": {"updatedInput": [message]}}
    )


def test_depth_elsewhere_does_not_matter():
    deep = nested(9000, lambda inner: [inner])
    assert errors("create", {"title": "a", "documentIds": deep, "unknown": deep}) == {
        "documentIds": ["Expected string, received array"]
    }


@pytest.mark.parametrize("sign", [1, -1])
def test_an_integer_beyond_doubles_is_infinite_as_in_javascript(sign):
    messages = errors("update", {"priority": sign * 10**5000})["priority"]
    assert messages[0] == "Expected integer, received float"
    assert len(messages) == 2
    assert "maxBudgetUsd" in errors("update", {"maxBudgetUsd": sign * 10**5000})


def test_numbers_in_a_record_stay_writable():
    numbers = [2**63 - 1, -(2**63), 2**63, 10**5000, -(10**5000), 1e308, True]
    data = VALIDATORS["respond"](responded(updatedInput={"a": numbers}))
    kept = data["updatedInput"]["a"]
    assert kept == [2**63 - 1, -(2**63), 2.0**63, None, None, 1e308, True]
    assert [type(kept[index]) for index in (0, 2, 6)] == [int, float, bool]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(2**64), float("inf"), -0.0, 1e300, 2.0])
    | st.text(st.sampled_from("a1\0\ud83d\ude00é😀'\n")),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.sampled_from("a\0\ud800")), inner)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("name", SERIALIZERS)
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_every_verdict_on_any_body_can_be_written(name, data):
    fields = dict.fromkeys(SERIALIZERS[name]().fields, JSON)
    body = data.draw(st.fixed_dictionaries({}, optional=fields) | JSON)
    assert orjson.dumps(judged(name, body))


# --- Queries --------------------------------------------------------------------------


def test_a_query_gives_its_limit_as_a_number():
    query = QueryDict("limit=20&cursor=2.abc&page=1").dict()
    assert VALIDATORS["list"](query) == {"limit": 20, "cursor": "2.abc"}


@pytest.mark.parametrize("limit", ["", "a", "1.5", " 1", "1_0", "٣", "0x10", "1\n"])
def test_a_limit_that_is_no_integer_is_refused(limit):
    assert errors("list", {"limit": limit}) == {
        "limit": ["Expected integer, received string"]
    }


# --- As a part of REST framework ------------------------------------------------------


def test_a_serializer_shows_errors_in_the_flattened_form():
    serializer = CreateTask(data={"priority": 4})
    assert not serializer.is_valid()
    assert serializer.errors == {
        "formErrors": [],
        "fieldErrors": {
            "title": ["Required"],
            "priority": ["Number must be less than or equal to 3"],
        },
    }
    with pytest.raises(zod.Invalid) as raised:
        serializer.is_valid(raise_exception=True)
    assert raised.value.flattened == serializer.errors


def test_no_body_at_all_is_required():
    assert judged("create", empty)["error"]["formErrors"] == ["Required"]


def test_an_empty_form_is_an_empty_object():
    assert errors("create", QueryDict("")) == {"title": ["Required"]}


def test_a_validator_remembers_nothing():
    validate = CreateTask.validator()
    with pytest.raises(zod.Invalid):
        validate({"title": 1, "documentIds": [1]})
    assert validate({"title": "a"}) == {"title": "a", "priority": 2}


def test_other_code_may_raise_the_same():
    assert zod.Invalid.form("No").flattened == {"formErrors": ["No"], "fieldErrors": {}}
    invalid = zod.Invalid.field("projectId", "Project not found")
    assert invalid.flattened["fieldErrors"] == {"projectId": ["Project not found"]}
    assert invalid.status_code == 400


def test_a_field_alone_validates_too():
    assert zod.Integer(max_value=3).run_validation(1.0) == 1
    with pytest.raises(ValidationError) as raised:
        zod.String(min_length=1).run_validation(None)
    assert raised.value.detail == ["Expected string, received null"]
    with pytest.raises(SkipField):
        zod.String(required=False).run_validation()


def test_the_fields_document_themselves():
    document = SchemaGenerator().get_schema(request=None, public=True)
    create = document["components"]["schemas"]["CreateTask"]
    assert create["required"] == ["title"]
    title, priority = create["properties"]["title"], create["properties"]["priority"]
    assert (title["minLength"], title["maxLength"]) == (1, 200)
    assert (priority["minimum"], priority["maximum"]) == (0, 3)
    assert create["properties"]["documentIds"]["items"] == {"type": "string"}
    query = {
        each["name"]: each["schema"]
        for each in document["paths"]["/api/tasks"]["get"]["parameters"]
    }
    assert query["limit"] == {"type": "integer", "minimum": 1, "maximum": 1000}
    assert query["status"]["enum"][0] == "planned"
