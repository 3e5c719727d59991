"""Reads what models write, which may be cut anywhere and hold anything."""

import json

from agents.protocol.events import JSON


def repair_surrogates(text: str) -> str:
    """Join the halves of characters that came apart, and replace the lone ones."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def parse_json_object(text: str) -> JSON | None:
    """Read a JSON object that can be written down again; None if it is not one."""
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
