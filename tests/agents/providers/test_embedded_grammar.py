"""Schemas for the embedded model: it is held to short values, and to no more than was asked."""

import pytest

from agents.providers.embedded_grammar import MAX_ITEMS, MAX_TEXT, limit_schema
from tasks.assist.question import answer_schema
from tasks.catalog.json_schemas import iterate_nodes, mismatches

# Profiles are rows, too.
pytestmark = pytest.mark.django_db


def test_what_it_may_say_ends():
    for node in iterate_nodes(limit_schema(answer_schema())):
        if node.get("type") == "string" and "enum" not in node:
            assert node["maxLength"] == MAX_TEXT
        if node.get("type") == "array":
            assert node["maxItems"] == MAX_ITEMS


def test_limits_that_are_there_stay():
    schema = {
        "type": "object",
        "properties": {
            "short": {"type": "string", "maxLength": 5},
            "long": {"type": ["string", "null"], "minLength": 100},
            "three": {"type": "array", "items": {"type": "integer"}, "minItems": 3},
        },
        "required": ["short"],
    }
    found = limit_schema(schema)["properties"]
    assert found["short"]["maxLength"] == 5
    assert found["long"]["maxLength"] == 100
    assert found["three"]["maxItems"] == 3
    assert limit_schema(schema)["required"] == ["short"]


def test_what_its_grammar_does_not_know_is_left_to_the_check():
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "b"}}}
    assert "pattern" not in limit_schema(schema)["properties"]["a"]
    assert mismatches(schema, {"a": "c"})
