"""Schemas for the embedded model, whose grammar it is held to: it would never end by itself."""

from typing import Any

JSON = dict[str, Any]

MAX_TEXT = 60  # characters
MAX_ITEMS = 2
# Of what its grammar is made; the rest is left to the check of the result.
_KNOWN = frozenset(
    (
        *("type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf"),
        *("$ref", "$defs", "minLength", "maxLength", "minItems", "maxItems"),
        *("minimum", "maximum", "additionalProperties", "allOf", "prefixItems"),
    )
)


def limit_schema(schema: Any) -> Any:
    """Return a schema that allows no more than `schema` does, and only short values."""
    if not isinstance(schema, dict):
        return schema
    node = {
        name: _limit_inner(name, it) for name, it in schema.items() if name in _KNOWN
    }
    kinds = node.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "string" in kinds and not {"enum", "const"} & node.keys():
        longest = max(MAX_TEXT, node.get("minLength", 0))
        node["maxLength"] = min(node.get("maxLength", longest), longest)
    if "array" in kinds:
        most = max(MAX_ITEMS, node.get("minItems", 0))
        node["maxItems"] = min(node.get("maxItems", most), most)
    return node


def _limit_inner(name: str, value: Any) -> Any:
    if name in ("properties", "$defs"):
        return {key: limit_schema(inner) for key, inner in value.items()}
    if name in ("items", "additionalProperties"):
        return limit_schema(value)
    if name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        return [limit_schema(inner) for inner in value]
    return value
