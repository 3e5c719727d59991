"""What a person may change of a tool's input before the tool is used."""

from typing import Any

JSON = dict[str, Any]


def problem_with_edits(original: JSON, edits: JSON) -> str | None:
    """Say what may not be edited so: keys and types are the original's. None if all may."""
    for key, value in edits.items():
        if key not in original:
            return f"Disallowed input key: {key}"
        if _type_of(value) is not _type_of(original[key]):
            return f"The value of {key} must stay a {_type_of(original[key]).__name__}"
    return None


def _type_of(value: object) -> type:
    """Return the JSON type: all numbers are of one."""
    return float if type(value) is int else type(value)
