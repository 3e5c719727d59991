"""Which JSON Schemas are taken, and what does not satisfy one."""

import time

import pytest

from tasks.catalog.json_schemas import (
    MAX_DEPTH,
    TOO_MUCH,
    find_problems,
    is_strict,
    mismatches,
)


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


def branch(levels):
    """Return a schema that refers to its last part by twice as many ways a level."""
    parts = {"a0": {"type": "string"}}
    for level in range(1, levels):
        below = {"$ref": f"#/$defs/a{level - 1}"}
        parts[f"a{level}"] = {"anyOf": [below, below]}
    last = {"$ref": f"#/$defs/a{levels - 1}"}
    return {"type": "object", "$defs": parts, "properties": {"v": last}}


def test_one_that_branches_without_end_is_given_up_in_a_process_of_its_own():
    schema = branch(40)
    assert find_problems(schema) == []
    begun = time.process_time()
    assert mismatches(schema, {"v": 1}) == [TOO_MUCH]
    assert time.process_time() - begun < 2


def test_one_that_branches_with_each_level_of_the_value_is_given_up_too():
    step = {"anyOf": [{"$ref": "#/$defs/n"}, {"$ref": "#/$defs/n"}]}
    node = {"type": "object", "properties": {"n": step}, "required": ["x"]}
    schema = {"type": "object", "$ref": "#/$defs/n", "$defs": {"n": node}}
    value = {}
    for _ in range(60):
        value = {"n": value}
    assert mismatches(schema, value) == [TOO_MUCH]


def test_a_long_value_that_is_wrong_in_many_ways_fills_no_memory():
    texts = {"items": {"anyOf": [{"type": "string"}] * 2_000}}
    schema = {"type": "object", "additionalProperties": texts}
    assert mismatches(schema, {"v": list(range(20_000))}) == [TOO_MUCH]
    assert mismatches(schema, {"v": ["text"] * 20_000}) == []


def test_references_are_held_against_as_all_else():
    assert mismatches(branch(4), {"v": "text"}) == []
    (problem,) = mismatches(branch(1), {"v": 1})
    assert problem == '$.v: 1 is not of type "string"'


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
