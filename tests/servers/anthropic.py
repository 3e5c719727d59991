"""The Messages API, scripted."""

import itertools
import json

from tests.servers.scripted import (
    JSON,
    Call,
    Fault,
    Reply,
    Request,
    ScriptedServer,
    pieces,
)

__all__ = ["Call", "Fault", "MessagesServer", "Reply", "Request"]


class MessagesServer(ScriptedServer):
    ping = 'event: ping\ndata: {"type": "ping"}\n\n'

    def represent_history(self, request: Request) -> list[JSON]:
        return request.body.get("messages") or []

    def turns_in(self, history: list[JSON]) -> int:
        return sum(message["role"] == "assistant" for message in history)

    def fault_in(self, request: Request) -> str:
        return _fault_in(self.represent_history(request))

    def error_body(self, error: JSON) -> JSON:
        return {"type": "error", "error": error}

    def events(self, request: Request, reply: Reply) -> list[JSON]:
        blocks = self._content(reply)
        message = self._message(request, reply)
        events = [{"type": "message_start", "message": message}, {"type": "ping"}]
        for index, block in enumerate(blocks):
            events += _block_events(index, block, reply.deltas if index == 0 else [])
        delta = {"stop_reason": _stop(reply), "stop_sequence": None}
        final = {"output_tokens": 20, "input_tokens": None, **reply.final_usage}
        return [
            *events,
            {"type": "message_delta", "delta": delta, "usage": final},
            {"type": "message_stop"},
        ]

    def whole(self, request: Request, reply: Reply) -> JSON | None:
        if request.body.get("stream"):
            return None
        message = self._message(request, reply)
        content, usage = self._content(reply), message["usage"] | {"output_tokens": 20}
        return message | {
            "content": content,
            "stop_reason": _stop(reply),
            "usage": usage,
        }

    def _content(self, reply: Reply) -> list[JSON]:
        return [*reply.blocks, *_blocks(reply, f"toolu_{len(self.requests)}")]

    def _message(self, request: Request, reply: Reply) -> JSON:
        return {
            "id": f"msg_{len(self.requests)}",
            "type": "message",
            "role": "assistant",
            "model": request.body["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 100, "output_tokens": 1, **reply.usage},
        }


def _stop(reply: Reply) -> str:
    return reply.stop or ("tool_use" if reply.calls else "end_turn")


def _blocks(reply: Reply, id_prefix: str) -> list[JSON]:
    blocks: list[JSON] = []
    if reply.thinking:
        blocks.append(
            {"type": "thinking", "thinking": reply.thinking, "signature": "signed"}
        )
    if reply.text:
        blocks.append({"type": "text", "text": reply.text})
    for place, call in enumerate(reply.calls):
        call_id = call.id or f"{id_prefix}_{place}"
        blocks.append(
            {"type": "tool_use", "id": call_id, "name": call.tool, "input": call.input}
        )
    return blocks


def _block_events(index: int, block: JSON, more: list[JSON]) -> list[JSON]:
    match block["type"]:
        case "text":
            start = {**block, "text": ""}
            deltas = [
                {"type": "text_delta", "text": piece} for piece in pieces(block["text"])
            ]
        case "thinking":
            start = {**block, "thinking": "", "signature": ""}
            parts = pieces(block["thinking"])
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in parts]
            deltas += [{"type": "signature_delta", "signature": block["signature"]}]
        case "tool_use":
            start = {**block, "input": {}}
            whole = block["input"]
            parts = pieces(whole if isinstance(whole, str) else json.dumps(whole))
            deltas = [
                {"type": "input_json_delta", "partial_json": piece} for piece in parts
            ]
        case _:
            start, deltas = block, []
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *(
            {"type": "content_block_delta", "index": index, "delta": d}
            for d in [*deltas, *more]
        ),
        {"type": "content_block_stop", "index": index},
    ]


# --- What the real one refuses -----------------------------------------------------------


def _fault_in(messages: list[JSON]) -> str:
    if not messages or messages[0]["role"] != "user":
        return "messages: the first must be the user's"
    for message, following in itertools.pairwise([*messages, {"content": []}]):
        if not message["content"]:
            return "messages: content must not be empty"
        called = _ids(message, "tool_use", "id")
        if called and called != _ids(following, "tool_result", "tool_use_id"):
            return f"tool_use ids without exactly one tool_result: {called}"
        if not called and _ids(following, "tool_result", "tool_use_id"):
            return "tool_result without a tool_use"
    return ""


def _ids(message: JSON, kind: str, name: str) -> list[str]:
    content = message["content"]
    blocks = content if isinstance(content, list) else []
    return sorted(block[name] for block in blocks if block["type"] == kind)
