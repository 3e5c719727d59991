"""What the whole of the OpenAPI description says: the server, who needs a login, examples."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from tasks.access.authentication import is_open

JSON = dict[str, Any]

LAPTOP = "http://localhost:3000"
TAGS = {
    "tasks": "What agents are to do: create, queue, execute, follow, answer, read.",
    "notifications": "What agents ask people for.",
    "events": "What happens to all tasks, as it happens.",
    "webhooks": "Addresses that are sent what happens, signed, and what came of it.",
    "permissions": "Standing rules: what agents may do unasked, and what they never may.",
    "projects": "Where tasks and documents belong together.",
    "documents": "Files that tasks are given.",
    "workflows": "Several tasks that are steps towards one thing.",
    "profiles": "How an agent behaves.",
    "runtimes": "What agents run on.",
    "schedules": "What starts tasks at certain times, and what came of each time.",
    "budgets": "Limits on what is spent.",
    "settings": "What holds for the whole server.",
    "usage": "What was used, and what it cost.",
    "audit": "Who wrote what, from where.",
}
IDEMPOTENCY_KEY: JSON = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "For a day, the same request with the same key is done once and answered"
    " the same; another request with it is 422.",
}


def complete(result: JSON, generator: Any, request: Any, public: bool) -> JSON:
    """Add to drf-spectacular's `result`; without a request it is a laptop's."""
    url = LAPTOP if request is None else request.build_absolute_uri("/").rstrip("/")
    result["servers"] = [{"url": url}]
    result["tags"] = [
        {"name": name, "description": text} for name, text in TAGS.items()
    ]
    # The same for every operation. `{}` is no login at all.
    free: list[JSON] = [{}] if request is None or is_open(request) else []
    result["security"] = [{"bearer": []}, {"cookieAuth": []}, *free]
    for operations in result["paths"].values():
        for method, operation in operations.items():
            _complete_operation(operation)
            if method == "post":
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    schemas = result["components"]["schemas"]
    for name, schema in schemas.items():
        _complete_schema(name, schema)
    # Some clients know no streams: they wait for the end, and have the text of all events.
    schemas["LogEvent"]["oneOf"].append({"type": "string"})
    return result


def _complete_operation(operation: JSON) -> None:
    del operation["security"]
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":  # the router's pattern says what a segment is
            parameter["schema"].pop("pattern", None)
    for body in (operation.get("requestBody", {}), *operation["responses"].values()):
        for media in body.get("content", {}).values():
            _complete_media(media)


def _complete_media(media: JSON) -> None:
    schema = media["schema"]
    name = schema.get("items", schema).get("$ref", "").rpartition("/")[2]
    if name in _examples():
        example = _examples()[name]
        media["example"] = [example] if "items" in schema else example


def _complete_schema(name: str, schema: JSON) -> None:
    if name in _examples():
        schema["examples"] = [_examples()[name]]
    for field in schema.get("properties", {}).values():
        # Generators take a field with a default for one that must be there.
        field.pop("default", None)


@cache
def _examples() -> JSON:
    found: JSON = json.loads(
        Path(__file__).with_name("openapi_examples.json").read_text()
    )
    return found
