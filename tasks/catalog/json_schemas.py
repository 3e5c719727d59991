"""JSON Schemas that people give: which are taken, and where a value does not satisfy one.

By a library that fetches nothing and whose patterns take no exponential time, since schemas and
values come from people and from models.
"""

import resource
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NoReturn

import jsonschema_rs
import orjson

JSON = dict[str, Any]

VERSION = "https://json-schema.org/draft/2020-12/schema"
MAX_BYTES = 64 * 2**10
MAX_DEPTH = 32
MOST_TOLD = 10
# Of a check in a process of its own.
MAX_SECONDS = 5
MAX_MEMORY_BYTES = 2**30
TOO_MUCH = (
    f"$: it cannot be held against the schema in {MAX_SECONDS} seconds and 1 GB: the schema"
    " branches too often, or the result is too long for it"
)
# What is checked here: bytes of the schema times bytes of the value.
MAX_WORK = 20_000_000
MAX_TOLD_CHARACTERS = 300


def find_problems(schema: Any) -> list[str]:
    """Say why a schema cannot be what a result is held to; nothing if it can."""
    if not isinstance(schema, dict):
        return ["Schema must be an object"]
    if _depth(schema) > MAX_DEPTH:
        return [f"Schema must not be nested deeper than {MAX_DEPTH} levels"]
    if len(orjson.dumps(schema)) > MAX_BYTES:
        return [f"Schema must not be longer than {MAX_BYTES // 2**10} KB"]
    if schema.get("type") != "object":
        return ["Schema must be of an object: its type must be object"]
    if schema.get("$schema", VERSION) != VERSION:
        return [f"Schema must be of the version {VERSION}"]
    try:
        _validator(orjson.dumps(schema))
    except jsonschema_rs.ValidationError as error:
        place = _path(error.instance_path)
        return [f"Schema is not valid: {place}: {error.message[:MAX_TOLD_CHARACTERS]}"]
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        return [f"Schema is not valid: {str(error)[:MAX_TOLD_CHARACTERS]}"]
    return []


def mismatches(schema: JSON, value: Any) -> list[str]:
    """Say where `value` does not satisfy a schema: `$.items[0].name: 3 is not of type "string"`.

    What refers to itself may branch without end, and each part of a long value be wrong in as
    many ways as a schema has parts. Both are checked in a process that is bounded, which takes
    a while: not for an event loop.
    """
    given = orjson.dumps([schema, value])
    has_references = any(_REFERENCES & node.keys() for node in _objects(schema))
    size = len(orjson.dumps(schema))
    if has_references or size * (len(given) - size) > MAX_WORK:
        return _check_apart(given)
    return _check(schema, value)


def _check_apart(given: bytes) -> list[str]:
    try:
        done = subprocess.run(  # noqa: S603  all ours
            [sys.executable, "-I", __file__],
            input=given,
            capture_output=True,
            timeout=4 * MAX_SECONDS,  # of a machine that is busy with other things
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return [TOO_MUCH]
    told: list[str] = orjson.loads(done.stdout)
    return told


def main() -> None:
    """Check what standard input holds, `[schema, value]`, and write what is wrong."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    schema, value = orjson.loads(sys.stdin.buffer.read())
    sys.stdout.buffer.write(orjson.dumps(_check(schema, value)))


def _objects(value: Any) -> Iterator[JSON]:
    if isinstance(value, dict):
        yield value
    for item in _items(value):
        yield from _objects(item)


def _check(schema: JSON, value: Any) -> list[str]:
    errors = _validator(orjson.dumps(schema)).iter_errors(value)
    told = [
        _describe(error) for error, _ in zip(errors, range(MOST_TOLD), strict=False)
    ]
    return told


_REFERENCES = {"$ref", "$dynamicRef"}


@lru_cache(maxsize=32)
def _validator(schema: bytes) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        orjson.loads(schema), retriever=_fetch_nothing
    )


def _fetch_nothing(uri: str) -> NoReturn:
    raise ValueError("a schema cannot refer to another one")


def _describe(error: jsonschema_rs.ValidationError) -> str:
    return f"{_path(error.instance_path)}: {error.message[:MAX_TOLD_CHARACTERS]}"


def _path(steps: list[str | int]) -> str:
    return "$" + "".join(map(_step, steps))


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.isidentifier() else f"[{orjson.dumps(step).decode()}]"


def _depth(value: Any, level: int = 1) -> int:
    if level > MAX_DEPTH:
        return level
    inner = [_depth(item, level + 1) for item in _items(value)]
    return max(inner, default=level)


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


# --- What providers take ----------------------------------------------------------------

# What the Responses API takes in a schema that it is to hold the model to.
_STRICT_KEYWORDS = frozenset(
    (
        *("type", "properties", "required", "additionalProperties", "items", "enum"),
        *("const", "anyOf", "$ref", "$defs", "description", "title", "pattern"),
        *("format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("multipleOf", "minItems", "maxItems"),
    )
)


def is_strict(schema: JSON) -> bool:
    """Tell if the Responses API can hold a model to it: each property required, no others."""
    return "anyOf" not in schema and all(map(_is_strict, iterate_nodes(schema)))


def _is_strict(node: JSON) -> bool:
    if node.keys() - _STRICT_KEYWORDS:
        return False
    if "properties" not in node and node.get("type") != "object":
        return True
    properties = node.get("properties") or {}
    is_closed = node.get("additionalProperties") is False
    return is_closed and set(node.get("required") or ()) == set(properties)


def iterate_nodes(schema: Any) -> Iterator[JSON]:
    """Yield a schema and all schemas in it."""
    if not isinstance(schema, dict):
        return
    yield schema
    for name in ("properties", "$defs"):
        for inner in (schema.get(name) or {}).values():
            yield from iterate_nodes(inner)
    for name in ("items", "additionalProperties", "not", "if", "then", "else"):
        yield from iterate_nodes(schema.get(name))
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for inner in schema.get(name) or ():
            yield from iterate_nodes(inner)


if __name__ == "__main__":
    main()
