"""What the scriptable providers of the tests share: HTTP, the script, and its faults.

    async with MessagesServer([Reply(calls=[Call("list")]), Reply("Done.")]) as server:
        ...ANTHROPIC_BASE_URL = server.url...
        server.requests[0].body

Every request takes the next reply (or, with `by_turn`, that of the turn which the
conversation is at); the last one is repeated. As the real ones do, a server refuses a
conversation in which a tool call is not answered exactly once.
"""

import asyncio
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self

JSON = dict[str, Any]
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
# Faults in the middle of an answer: the connection is cut; the body just ends; nothing
# more comes; an error event comes; a line that is no JSON comes; pings come, until `goes_on`.
Fault = Literal["", "cut", "end", "stall", "error", "garbage", "pings"]


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
    pace: float = 0.0  # seconds before each piece
    is_silent: bool = False  # no headers ever come
    is_refused: bool = False  # the connection is closed without an answer


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: JSON


class ScriptedServer(ABC):
    """A provider. What its format is like, a subclass says."""

    content_type = "text/event-stream"

    def __init__(self, replies: list[Reply], *, by_turn: bool = False) -> None:
        self.requests: list[Request] = []
        self.goes_on = asyncio.Event()  # enough of pings: the rest of the answer comes
        self.hung_up = asyncio.Event()  # a client left in the middle of an answer
        # Of threads, for tests that block: clear it, and requests wait for their answers.
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.answered = 0  # requests, to their end
        self.when_answered: Callable[[], object] = lambda: None
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
        self.may_answer.set()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    # --- The format ----------------------------------------------------------------------

    @abstractmethod
    def represent_history(self, request: Request) -> list[JSON]:
        """Return the conversation that the request carries."""

    @abstractmethod
    def turns_in(self, history: list[JSON]) -> int:
        """Count the model's turns so far."""

    @abstractmethod
    def fault_in(self, request: Request) -> str:
        """Say what the real one would not accept about the conversation, if anything."""

    @abstractmethod
    def events(self, request: Request, reply: Reply) -> list[JSON]:
        """Return the answer in pieces."""

    def whole(self, request: Request, reply: Reply) -> JSON | None:
        """Return the answer in one piece if the request wants it so."""
        return None

    def error_body(self, error: JSON) -> JSON:
        return {"error": error}

    def error_event(self, error: JSON) -> JSON:
        return {"type": "error", **self.error_body(error)}

    def framed(self, event: JSON) -> str:
        return f"event: {event['type']}\ndata: {json_line(event)}\n\n"

    ping = ": ping\n\n"
    garbage = "event: message_stop\ndata: {nonsense\n\n"

    # --- The script ----------------------------------------------------------------------

    @property
    def history(self) -> list[JSON]:
        """The conversation in the last request."""
        return self.represent_history(self.requests[-1])

    def _reply(self, request: Request) -> Reply:
        place = len(self.requests) - 1
        if self._by_turn:
            place = self.turns_in(self.represent_history(request))
        return self._replies[min(place, len(self._replies) - 1)]

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
                    if not self.may_answer.is_set():
                        await asyncio.to_thread(self.may_answer.wait)
                    await self._answer(request, reader, writer)
                    await writer.drain()
                    self.answered += 1
                    self.when_answered()
        finally:
            writer.close()

    async def _answer(self, request: Request, reader: Reader, writer: Writer) -> None:
        reply = self._reply(request)
        if reply.is_refused:
            raise ConnectionResetError
        if reply.is_silent:
            await self._stall(reader)
        if fault := self.fault_in(request):
            reply = Reply(
                status=400, error={"type": "invalid_request_error", "message": fault}
            )
        if reply.status != 200:
            _send_json(
                writer, reply.status, self.error_body(reply.error), reply.headers
            )
            return
        body = None if reply.fault else self.whole(request, reply)
        if body is not None:
            _send_json(writer, 200, body, reply.headers)
            return
        _send_head(
            writer, 200, {"content-type": self.content_type, **reply.headers}, None
        )
        events = self.events(request, reply)
        rest: list[JSON] = []
        if reply.fault:
            half = len(events) // 2
            events, rest = events[:half], events[half:]
        await self._send_events(writer, events, reply.pace)
        await writer.drain()
        await self._misbehave(reply, reader, writer)
        if reply.fault == "pings":
            await self._send_events(writer, rest, 0.0)
        writer.write(b"0\r\n\r\n")

    async def _send_events(
        self, writer: Writer, events: list[JSON], pace: float
    ) -> None:
        for event in events:
            if pace:
                await asyncio.sleep(pace)
            _send_chunk(writer, self.framed(event))

    async def _misbehave(self, reply: Reply, reader: Reader, writer: Writer) -> None:
        match reply.fault:
            case "stall":
                await self._stall(reader)
            case "pings":
                await self._ping(reader, writer)
            case "cut":
                raise ConnectionResetError
            case "error":
                _send_chunk(writer, self.framed(self.error_event(reply.error)))
            case "garbage":
                _send_chunk(writer, self.garbage)

    async def _ping(self, reader: Reader, writer: Writer) -> None:
        """Keep the line open without any content until the client leaves."""
        stalled = asyncio.ensure_future(self._stall(reader))
        while not stalled.done() and not self.goes_on.is_set():
            _send_chunk(writer, self.ping)
            await asyncio.wait({stalled}, timeout=0.05)
        if not stalled.done():
            stalled.cancel()
            return
        await stalled

    async def _stall(self, reader: Reader) -> None:
        with suppress(ConnectionError):  # which is how a killed client hangs up
            await reader.read()
        self.hung_up.set()
        raise ConnectionResetError


def json_line(value: JSON) -> str:
    """Write JSON as real servers do: with no escapes that JSON does not ask for."""
    line = json.dumps(value, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:  # a lone half of a character
        return json.dumps(value)
    return line


def pieces(text: str) -> list[str]:
    step = max(1, len(text) // 4)
    return [text[at : at + step] for at in range(0, len(text), step)]


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


def _send_json(writer: Writer, status: int, body: JSON, headers: JSON) -> None:
    data = json.dumps(body).encode()
    _send_head(
        writer, status, {"content-type": "application/json", **headers}, len(data)
    )
    writer.write(data)


def _send_chunk(writer: Writer, text: str) -> None:
    data = text.encode()
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))
