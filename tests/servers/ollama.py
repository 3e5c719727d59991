"""Ollama's `/api/chat`, scripted. A reply's usage goes into the last line."""

import json

from tests.servers.scripted import (
    JSON,
    Reply,
    Request,
    ScriptedServer,
    json_line,
    pieces,
)


class ChatServer(ScriptedServer):
    content_type = "application/x-ndjson"
    ping = "\n"
    garbage = "{nonsense\n"

    def represent_history(self, request: Request) -> list[JSON]:
        messages = request.body.get("messages") or []
        return [message for message in messages if message["role"] != "system"]

    def turns_in(self, history: list[JSON]) -> int:
        return sum(message["role"] == "assistant" for message in history)

    def fault_in(self, request: Request) -> str:
        history = self.represent_history(request)
        called = [
            call["id"]
            for message in history
            for call in message.get("tool_calls") or []
            if "id" in call
        ]
        answered = [m["tool_call_id"] for m in history if "tool_call_id" in m]
        if called != answered:
            return f"calls {called} and their results {answered} do not fit"
        return ""

    def error_body(self, error: JSON) -> JSON:
        return {"error": error.get("message", "")}

    def error_event(self, error: JSON) -> JSON:
        return self.error_body(error)

    def framed(self, event: JSON) -> str:
        return json_line(event) + "\n"

    def events(self, request: Request, reply: Reply) -> list[JSON]:
        number = len(self.requests)
        messages = [
            {"content": "", "thinking": piece} for piece in pieces(reply.thinking)
        ]
        messages += [{"content": piece} for piece in pieces(reply.text)]
        if reply.calls:
            calls = [
                {
                    "id": call.id or f"call_{number}_{place}",
                    "function": {"name": call.tool, "arguments": call.input},
                }
                for place, call in enumerate(reply.calls)
            ]
            messages.append({"content": "", "tool_calls": calls})
        base = {"model": request.body["model"], "created_at": "2026-01-01T00:00:00Z"}
        lines = [
            {**base, "message": {"role": "assistant", **message}, "done": False}
            for message in messages
        ]
        last = {
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": reply.stop or "stop",
            "prompt_eval_count": len(json.dumps(request.body)) // 4,
            "eval_count": 20,
            **reply.usage,
        }
        return [*lines, {**base, **last}]
