"""What a tool is, and what all tools share: input checks, bounds, threads."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from agents.protocol.events import JSON
from tasks.files.workspace import Workspace
from tasks.rules.visible_text import readable

MAX_OUTPUT_CHARACTERS = 30_000
# Longer than any file work takes; a dead network disk must not hold up a cancellation.
LAST_WORD_SECONDS = 5

_TYPES: dict[str, tuple[type, str]] = {
    "string": (str, "a string"),
    "integer": (int, "a whole number"),
    "boolean": (bool, "true or false"),
    "array": (list, "a list of texts"),
}

P = ParamSpec("P")
T = TypeVar("T")


class ToolRefused(Exception):
    """The call is not valid; the message goes to the model as an error result."""


class ToolFailed(Exception):
    """The tool ran and failed; the message goes to the model as an error result."""


@dataclass(frozen=True)
class ToolSchema:
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
    schema: ToolSchema
    plan: Callable[[Workspace, JSON], Plan]
    # Acts on the plan's target, which may not be looked up again: see `tasks.files.workspace`.
    perform: Callable[[Workspace, str, JSON], Awaitable[str]]


def schema(
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


def checked_input(schema: ToolSchema, tool_input: object) -> JSON:
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
    return {name: _checked(name, value, rules[name]) for name, value in given.items()}


def storable(data: bytes) -> str:
    """Decode for a model and a database: PostgreSQL's text holds no NUL."""
    return data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def clipped(text: str) -> str:
    if len(text) <= MAX_OUTPUT_CHARACTERS:
        return text
    note = f"\n… cut: the output has {len(text):,} characters"
    return text[: MAX_OUTPUT_CHARACTERS - len(note)] + note


def shown_path(located: str) -> str:
    return readable(located.lstrip("/") or "/")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await to_the_end(asyncio.to_thread(work, *args, **kwargs))


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; when cancelled, once or again, let it end before that takes effect."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task], timeout=LAST_WORD_SECONDS if cancelled else None)
        except asyncio.CancelledError as error:
            cancelled = error
            continue
        break
    if cancelled is None:
        return task.result()
    if task.done():
        task.exception()  # or asyncio complains that nobody heard of it
    raise cancelled


def _checked(name: str, value: Any, rule: JSON) -> Any:
    wanted, description = _TYPES[rule["type"]]
    if wanted is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not wanted:  # true is no number
        raise ToolRefused(f"{name} must be {description}.")
    if isinstance(value, str):
        _require_text(name, value, rule)
    elif isinstance(value, list):
        return [_checked(f"each of {name}", one, rule["items"]) for one in value]
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
