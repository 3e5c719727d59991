"""A Messages API on this machine that plays a script, faults and all.

    async with MessagesServer([Reply(calls=[Call("list")]), Reply("Done.")]) as server:
        ...ANTHROPIC_BASE_URL = server.url...
        server.requests[0].body

Every request takes the next reply (or, with `by_turn`, that of the turn which the
conversation is at); the last one is repeated. As the real one does, it refuses a
conversation in which a tool call is not answered exactly once.
"""

import asyncio
import itertools
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self

JSON = dict[str, Any]
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
# Faults in the middle of an answer: the connection is cut; the body just ends; nothing
# more comes; an error event comes; a line that is no JSON comes.
Fault = Literal["", "cut", "end", "stall", "error", "garbage"]


@dataclass(frozen=True)
class Call:
    tool: str
    input: JSON | str = field(
        default_factory=dict
    )  # text is sent as it is: broken JSON
    id: str = ""


@dataclass(frozen=True)
class Reply:
    text: str = ""
    calls: list[Call] = field(default_factory=list)
    thinking: str = ""
    stop: str = ""  # what fits the calls, unless given
    usage: JSON = field(default_factory=dict)  # over the server's own
    final_usage: JSON = field(default_factory=dict)  # of message_delta
    blocks: list[JSON] = field(default_factory=list)  # whole ones, before the rest
    deltas: list[JSON] = field(
        default_factory=list
    )  # more of them, for the first block
    fault: Fault = ""
    status: int = 200
    error: JSON = field(
        default_factory=lambda: {"type": "api_error", "message": "scripted"}
    )
    headers: dict[str, str] = field(default_factory=dict)
    is_silent: bool = False  # no headers ever come
    is_refused: bool = False  # the connection is closed without an answer


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: JSON


class MessagesServer:
    def __init__(self, replies: list[Reply], *, by_turn: bool = False) -> None:
        self.requests: list[Request] = []
        self.hung_up = asyncio.Event()  # a client left in the middle of an answer
        self._replies = replies
        self._by_turn = by_turn
        self._handlers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, limit=2**24
        )
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    @property
    def history(self) -> list[JSON]:
        """The messages of the last request."""
        return self.requests[-1].body["messages"]

    def _connected(self, reader: Reader, writer: Writer) -> None:
        handler = asyncio.ensure_future(self._serve(reader, writer))
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    request = await _read(reader)
                    self.requests.append(request)
                    await self._answer(request, reader, writer)
        finally:
            writer.close()

    def _reply(self, request: Request) -> Reply:
        place = len(self.requests) - 1
        if self._by_turn:
            place = sum(
                message["role"] == "assistant" for message in request.body["messages"]
            )
        return self._replies[min(place, len(self._replies) - 1)]

    async def _answer(self, request: Request, reader: Reader, writer: Writer) -> None:
        reply = self._reply(request)
        if reply.is_refused:
            raise ConnectionResetError
        if reply.is_silent:
            await self._stall(reader)
        if fault := _fault_in(request):
            reply = Reply(
                status=400, error={"type": "invalid_request_error", "message": fault}
            )
        if reply.status != 200:
            _send_error(writer, reply)
            return
        _send_head(
            writer, 200, {"content-type": "text/event-stream", **reply.headers}, None
        )
        events = self._events(request, reply)
        if reply.fault:
            events = events[: len(events) // 2]
        for event in events:
            _send_chunk(
                writer, f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
            )
        await writer.drain()
        await self._misbehave(reply, reader, writer)
        writer.write(b"0\r\n\r\n")

    async def _misbehave(self, reply: Reply, reader: Reader, writer: Writer) -> None:
        match reply.fault:
            case "stall":
                await self._stall(reader)
            case "cut":
                raise ConnectionResetError
            case "error":
                event = {"type": "error", "error": reply.error}
                _send_chunk(writer, f"event: error\ndata: {json.dumps(event)}\n\n")
            case "garbage":
                _send_chunk(writer, "event: message_stop\ndata: {nonsense\n\n")

    async def _stall(self, reader: Reader) -> None:
        await reader.read()
        self.hung_up.set()
        raise ConnectionResetError

    def _events(self, request: Request, reply: Reply) -> list[JSON]:
        number = len(self.requests)
        blocks = [*reply.blocks, *_blocks(reply, f"toolu_{number}")]
        usage = {"input_tokens": 100, "output_tokens": 1, **reply.usage}
        message = {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": request.body["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        events = [{"type": "message_start", "message": message}, {"type": "ping"}]
        for index, block in enumerate(blocks):
            events += _block_events(index, block, reply.deltas if index == 0 else [])
        stop = reply.stop or ("tool_use" if reply.calls else "end_turn")
        delta = {"stop_reason": stop, "stop_sequence": None}
        final = {"output_tokens": 20, "input_tokens": None, **reply.final_usage}
        return [
            *events,
            {"type": "message_delta", "delta": delta, "usage": final},
            {"type": "message_stop"},
        ]


# --- What goes over the wire -------------------------------------------------------------


async def _read(reader: Reader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(head[0].split()[1], headers, json.loads(body or b"{}"))


def _send_head(
    writer: Writer,
    status: int,
    headers: dict[str, str],
    length: int | None,
) -> None:
    size = (
        "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    )
    lines = [f"HTTP/1.1 {status} Scripted", size, "request-id: req_1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())


def _send_error(writer: Writer, reply: Reply) -> None:
    data = json.dumps({"type": "error", "error": reply.error}).encode()
    headers = {"content-type": "application/json", **reply.headers}
    _send_head(writer, reply.status, headers, len(data))
    writer.write(data)


def _send_chunk(writer: Writer, text: str) -> None:
    data = text.encode()
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


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
                {"type": "text_delta", "text": piece}
                for piece in _pieces(block["text"])
            ]
        case "thinking":
            start = {**block, "thinking": "", "signature": ""}
            pieces = _pieces(block["thinking"])
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
            deltas += [{"type": "signature_delta", "signature": block["signature"]}]
        case "tool_use":
            start = {**block, "input": {}}
            whole = block["input"]
            pieces = _pieces(whole if isinstance(whole, str) else json.dumps(whole))
            deltas = [
                {"type": "input_json_delta", "partial_json": piece} for piece in pieces
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


def _pieces(text: str) -> list[str]:
    step = max(1, len(text) // 4)
    return [text[at : at + step] for at in range(0, len(text), step)]


# --- What the real one refuses -----------------------------------------------------------


def _fault_in(request: Request) -> str:
    """Say what the real API would not accept about the conversation, if anything."""
    messages = request.body.get("messages") or []
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
