"""What a tool is, and how its input is checked."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from agents.protocol.events import JSON
from tasks.files.workspace import Workspace

_TYPES: dict[str, tuple[type, str]] = {
    "string": (str, "a string"),
    "integer": (int, "a whole number"),
    "boolean": (bool, "true or false"),
    "array": (list, "a list of texts"),
}


class ToolRefused(Exception):
    """The call is not valid; the message goes to the model as an error result."""


class ToolFailed(Exception):
    """The tool ran and failed; the message goes to the model as an error result."""


@dataclass(frozen=True)
class ToolSchema:
    """What a model is told of a tool."""

    name: str
    description: str
    parameters: JSON  # JSON Schema of an object


@dataclass(frozen=True)
class Plan:
    """What a call would do. `target` is the located path or the command line."""

    kind: str  # of the permission vocabulary: read, write, run
    target: str
    message: str


@dataclass(frozen=True)
class Tool:
    """A tool: what it is, what a call of it would do, and doing it."""

    schema: ToolSchema
    plan: Callable[[Workspace, JSON], Plan]
    # Acts on the plan's target, which may not be looked up again: see `tasks.files.workspace`.
    perform: Callable[[Workspace, str, JSON], Awaitable[str]]


def make_schema(
    name: str,
    description: str,
    properties: dict[str, JSON],
    *,
    required: tuple[str, ...] = (),
) -> ToolSchema:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return ToolSchema(name=name, description=description, parameters=parameters)


def check_input(schema: ToolSchema, tool_input: object) -> JSON:
    """Return what the schema names of `tool_input`, or raise ToolRefused.

    Unknown keys and nulls are left out: small models add them and mean nothing by it.
    """
    if not isinstance(tool_input, dict):
        raise ToolRefused(f"The input of {schema.name} must be an object.")
    rules = schema.parameters["properties"]
    given = {
        name: tool_input[name] for name in rules if tool_input.get(name) is not None
    }
    if missing := [name for name in schema.parameters["required"] if name not in given]:
        raise ToolRefused(f"{schema.name} needs {', '.join(missing)}.")
    return {
        name: _check_value(name, value, rules[name]) for name, value in given.items()
    }


def decode_output(data: bytes) -> str:
    """Decode for a model and a database: PostgreSQL's text holds no NUL."""
    return data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _check_value(name: str, value: Any, rule: JSON) -> Any:
    wanted, description = _TYPES[rule["type"]]
    if wanted is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not wanted:  # true is no number
        raise ToolRefused(f"{name} must be {description}.")
    if isinstance(value, str):
        _require_text(name, value, rule)
    elif isinstance(value, list):
        return [_check_value(f"each of {name}", one, rule["items"]) for one in value]
    elif isinstance(value, int):
        _require_in_bounds(name, value, rule)
    return value


def _require_text(name: str, value: str, rule: JSON) -> None:
    if "\0" in value:
        raise ToolRefused(f"{name} cannot contain the NUL character.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ToolRefused(
            f"{name} is not valid text: it has half a surrogate pair."
        ) from None
    if len(value) < rule.get("minLength", 0):
        raise ToolRefused(f"{name} is empty.")
    if len(value) > rule.get("maxLength", len(value)):
        raise ToolRefused(f"{name} is longer than {rule['maxLength']:,} characters.")


def _require_in_bounds(name: str, value: int, rule: JSON) -> None:
    if value < rule.get("minimum", value):
        raise ToolRefused(f"{name} must be at least {rule['minimum']:,}.")
    if value > rule.get("maximum", value):
        raise ToolRefused(f"{name} must be at most {rule['maximum']:,}.")
