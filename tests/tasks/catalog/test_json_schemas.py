"""Which JSON Schemas are taken, and what does not satisfy one."""

import time

import pytest

from tasks.catalog.json_schemas import MAX_DEPTH, find_problems, is_strict, mismatches


def nested(levels):
    schema = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


OBJECT = {"type": "object"}


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({}, "must be of an object"),
        ({"type": "array"}, "must be of an object"),
        ({**OBJECT, "properties": {"a": {"type": "strng"}}}, "not valid"),
        ({**OBJECT, "required": "a"}, "not valid"),
        ({**OBJECT, "properties": {"a": {"pattern": "("}}}, "not valid"),
        ({**OBJECT, "$ref": "http://example.com/schema"}, "not valid"),
        ({**OBJECT, "$ref": "file:///etc/passwd"}, "not valid"),
        ({**OBJECT, "properties": {"a": {"$ref": "#/$defs/none"}}}, "not valid"),
        (nested(MAX_DEPTH), "nested deeper"),
        ({**OBJECT, "description": "x" * 70_000}, "64 KB"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", **OBJECT}, "version"),
        ({"$schema": 7, **OBJECT}, "version"),
    ],
)
def test_a_schema_that_no_result_can_be_held_to_is_refused(schema, problem):
    (found,) = find_problems(schema)
    assert problem in found


@pytest.mark.parametrize(
    "schema",
    [
        OBJECT,
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **OBJECT},
        {**OBJECT, "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": OBJECT}},
        {**OBJECT, "properties": {"a": {"$ref": "#"}}},
        {**OBJECT, "unknown": 1},
    ],
)
def test_a_schema_of_an_object_is_taken(schema):
    assert find_problems(schema) == []
    assert mismatches(schema, {}) == []


def test_each_mismatch_is_told_with_its_place():
    schema = {
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "items": {"type": "object", "properties": {"n": {"type": "integer"}}},
            },
            "a b": {"type": "string"},
        },
    }
    found = mismatches(schema, {"items": [{"n": 1}, {"n": "x"}], "a b": 3})
    assert sorted(found) == [
        '$.items[1].n: "x" is not of type "integer"',
        '$["a b"]: 3 is not of type "string"',
    ]


def test_no_pattern_takes_exponential_time():
    schema = {"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}}
    begun = time.process_time()
    assert mismatches(schema, {"a": "a" * 50_000 + "!"})
    assert time.process_time() - begun < 2


def test_a_schema_that_refers_to_itself_ends():
    loop = {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}
    schema = {"type": "object", "$ref": "#/$defs/a", "$defs": {"a": loop}}
    assert find_problems(schema) == []
    mismatches(schema, {"a": 1})


def test_strict_is_what_requires_all_and_allows_no_more():
    closed = {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"]}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert is_strict(closed)
    assert not is_strict({**closed, "required": []})
    assert not is_strict({**closed, "additionalProperties": True})
    assert not is_strict({**closed, "properties": {"a": OBJECT}})
    assert not is_strict({**closed, "properties": {"a": {"minLength": 1}}})
