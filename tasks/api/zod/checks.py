"""What is checked of values: their types, bounds, and whether they can be stored."""

import math
from typing import Any

from rest_framework.fields import empty

# The renderer writes 254 levels at most; a record is put into other objects.
MAX_DEPTH = 100

_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def check_kind(value: Any, kind: str, issues: list[str], *, expected: str = "") -> bool:
    received = _KINDS.get(type(value), "unknown")
    if received == kind:
        return True
    mismatch = f"Expected {expected or kind}, received {received}"
    issues.append("Required" if value is empty else mismatch)
    return False


def to_double(value: float) -> float:
    """Return the double that JavaScript would have of a number; NaN is not in JSON."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def check_bounds(
    number: float, field: Any, issues: list[str], *, min_is_exclusive: bool = False
) -> None:
    low, high = field.min_value, field.max_value
    if low is not None and (number < low or (min_is_exclusive and number == low)):
        relation = "greater than" + ("" if min_is_exclusive else " or equal to")
        issues.append(f"Number must be {relation} {low}")
    if high is not None and number > high:
        issues.append(f"Number must be less than or equal to {high}")


def utf16_length(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_text(text: str, issues: list[str]) -> None:
    """Refuse what PostgreSQL cannot store and UTF-8 cannot carry."""
    if "\0" in text:
        _add_once("String must not contain NUL characters", issues)
    try:
        text.encode()
    except UnicodeEncodeError:
        _add_once("String must not contain lone surrogates", issues)


def make_storable(value: Any, issues: list[str], depth: int = 1) -> Any:
    """Return JSON that the database and the renderer can write."""
    match value:
        case dict() | list() if depth > MAX_DEPTH:
            _add_once(f"Object must not be deeper than {MAX_DEPTH} levels", issues)
        case dict():
            for key in value:
                check_text(key, issues)
            return {k: make_storable(v, issues, depth + 1) for k, v in value.items()}
        case list():
            return [make_storable(item, issues, depth + 1) for item in value]
        case str():
            check_text(value, issues)
        case int() if -(2**63) <= value < 2**63:
            return value
        case int() | float():  # beyond 64 bits a double, beyond doubles null
            return to_double(value) if math.isfinite(to_double(value)) else None
    return value


def _add_once(message: str, issues: list[str]) -> None:
    if message not in issues:
        issues.append(message)
