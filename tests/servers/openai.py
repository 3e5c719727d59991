"""The Responses API, scripted. A reply's `blocks` are whole output items."""

import json
import secrets
from itertools import groupby

from tests.servers.scripted import JSON, Reply, Request, ScriptedServer, pieces

MODEL_ITEMS = {"reasoning", "function_call", "custom_tool_call"}


class ResponsesServer(ScriptedServer):
    """Stop reasons are those of `incomplete`, `refusal`, or `failed` with the reply's error."""

    ping = 'event: keepalive\ndata: {"type": "keepalive", "sequence_number": 1}\n\n'
    garbage = "event: response.completed\ndata: {nonsense\n\n"

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def represent_history(self, request: Request) -> list[JSON]:
        return request.body.get("input") or []

    def turns_in(self, history: list[JSON]) -> int:
        return sum(is_model for is_model, _ in groupby(history, key=_is_of_model))

    def fault_in(self, request: Request) -> str:
        history = self.represent_history(request)
        called = [i["call_id"] for i in history if i["type"] == "function_call"]
        answered = [
            i["call_id"] for i in history if i["type"] == "function_call_output"
        ]
        if sorted(called) != sorted(answered):
            return f"calls {called} and their outputs {answered} do not fit"
        for place, item in enumerate(history):
            if item["type"] == "reasoning" and not _is_of_model(
                [*history, {"type": "end"}][place + 1]
            ):
                return "Item of type 'reasoning' without its required following item"
        return ""

    def error_event(self, error: JSON) -> JSON:
        return {"type": "error", "code": error.get("code"), "param": None, **error}

    def events(self, request: Request, reply: Reply) -> list[JSON]:
        number = len(self.requests)
        items = [*reply.blocks, *_items(reply, number)]
        events = [
            {"type": kind, "response": _response(request, reply, number, [])}
            for kind in ("response.created", "response.in_progress")
        ]
        for place, item in enumerate(items):
            events += _item_events(place, item)
        whole = _response(request, reply, number, items)
        events.append({"type": f"response.{whole['status']}", "response": whole})
        return [
            {**event, "sequence_number": place} for place, event in enumerate(events)
        ]


def added_file(path: str, content: str) -> JSON:
    """Return Codex's call for a patch that adds a file, as an output item."""
    return patch(f"*** Add File: {path}\n+{content}")


def patch(changes: str) -> JSON:
    call_id = f"patch_{secrets.token_hex(4)}"
    return {
        "type": "custom_tool_call",
        "id": f"ctc_{call_id}",
        "call_id": call_id,
        "name": "apply_patch",
        "input": f"*** Begin Patch\n{changes}\n*** End Patch\n",
        "status": "completed",
    }


def _is_of_model(item: JSON) -> bool:
    return item["type"] in MODEL_ITEMS or item.get("role") == "assistant"


def _response(request: Request, reply: Reply, number: int, items: list[JSON]) -> JSON:
    response = {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1,
        "model": request.body["model"],
        "output": items,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 120,
            **reply.usage,
        },
    }
    match reply.stop:
        case "" | "refusal":
            return response
        case "failed":
            return {**response, "status": "failed", "error": reply.error}
    return {
        **response,
        "status": "incomplete",
        "incomplete_details": {"reason": reply.stop},
    }


def _items(reply: Reply, number: int) -> list[JSON]:
    items: list[JSON] = []
    if reply.thinking:
        summary = [{"type": "summary_text", "text": reply.thinking}]
        items.append(
            {
                "type": "reasoning",
                "id": f"rs_{number}",
                "summary": summary,
                "encrypted_content": "sealed==",
            }
        )
    if reply.text:
        part = {"type": "output_text", "text": reply.text, "annotations": []}
        if reply.stop == "refusal":
            part = {"type": "refusal", "refusal": reply.text}
        items.append(
            {
                "type": "message",
                "id": f"msg_{number}",
                "role": "assistant",
                "status": "completed",
                "content": [part],
            }
        )
    for place, call in enumerate(reply.calls):
        arguments = (
            call.input if isinstance(call.input, str) else json.dumps(call.input)
        )
        items.append(
            {
                "type": "function_call",
                "id": f"fc_{number}_{place}",
                "call_id": call.id or f"call_{number}_{place}",
                "name": call.tool,
                "arguments": arguments,
                "status": "completed",
            }
        )
    return items


def _item_events(place: int, item: JSON) -> list[JSON]:
    at = {"output_index": place}
    start = {**item, "content": []} if item["type"] == "message" else item
    events = [{"type": "response.output_item.added", **at, "item": start}]
    if item["type"] == "message" and item["content"][0]["type"] == "output_text":
        where = {**at, "item_id": item["id"], "content_index": 0, "logprobs": []}
        events += [
            {"type": "response.output_text.delta", **where, "delta": piece}
            for piece in pieces(item["content"][0]["text"])
        ]
    return [*events, {"type": "response.output_item.done", **at, "item": item}]
