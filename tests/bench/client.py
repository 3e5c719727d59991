"""A light HTTP/1.1 client: what it spends itself is missing from what it measures.

It keeps its connection, has one request on the way at a time and knows just as much of
HTTP as a JSON API and its event streams use.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import orjson

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
UNKNOWN = -1  # the length of a body that ends with its connection


@dataclass(frozen=True)
class Target:
    """The server that is asked, and what every request to it says."""

    host: str
    port: int
    is_tls: bool
    prefix: str
    headers: str

    @classmethod
    def of(cls, url: str, token: str | None = None) -> Self:
        parts = urlsplit(url)
        is_tls = parts.scheme == "https"
        headers = f"Host: {parts.netloc}\r\nAccept: */*\r\n"
        if token:
            headers += f"Authorization: Bearer {token}\r\n"
        port = parts.port or (443 if is_tls else 80)
        prefix = parts.path.rstrip("/")
        return cls(parts.hostname or "localhost", port, is_tls, prefix, headers)

    def request(self, method: str, path: str, body: Any) -> bytes:
        content = b"" if body is None else orjson.dumps(body)
        head = f"{method} {self.prefix}{path} HTTP/1.1\r\n{self.headers}"
        if content or method != "GET":
            head += (
                f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            )
        return f"{head}\r\n".encode() + content


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


class Connection(asyncio.Protocol):
    """One connection. `on_piece` gets the parts of a body as they come."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._take_body: Callable[[], bool] | None = None
        self._answer: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, target: Target) -> Self:
        connection = cls(target)
        await asyncio.get_running_loop().create_connection(
            lambda: connection, target.host, target.port, ssl=target.is_tls or None
        )
        return connection

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        on_piece: Callable[[bytes], None] | None = None,
    ) -> Answer:
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._pieces: list[bytes] = []
        self._on_piece = on_piece or self._pieces.append
        self._transport.write(self.target.request(method, path, body))
        return await self._answer

    def close(self) -> None:
        if self._transport:
            self._transport.abort()

    # --- What asyncio calls --------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._take_body is None and not self._take_head():
            return
        if self._take_body and self._take_body():
            self._end()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._answer or self._answer.done():
            return
        if self._take_body and self._left == UNKNOWN and not error:
            self._end()
        else:
            self._answer.set_exception(
                error or ConnectionError("The server hung up in the middle.")
            )

    # --- Reading an answer ---------------------------------------------------------------

    def _take_head(self) -> bool:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._received[:end])
        del self._received[: end + 4]
        self._status = int(head[9:12])
        length = LENGTH.search(head)
        self._left = int(length[1]) if length else UNKNOWN
        if self._status in (204, 304):
            self._left = 0
        self._take_body = self._take_chunks if CHUNKED.search(head) else self._take_rest
        return True

    def _take_rest(self) -> bool:
        self._on_piece(bytes(self._received))
        if self._left != UNKNOWN:
            self._left -= len(self._received)
        self._received.clear()
        return self._left == 0

    def _take_chunks(self) -> bool:
        """Take the chunks that are there as a whole; the empty one is the last."""
        while (end := self._received.find(b"\r\n")) >= 0:
            start = end + 2
            size = int(self._received[:end].split(b";")[0], 16)
            if len(self._received) < start + size + 2:
                return False
            piece = bytes(self._received[start : start + size])
            del self._received[: start + size + 2]
            if not size:
                return True
            self._on_piece(piece)
        return False

    def _end(self) -> None:
        self._take_body = None
        if self._answer and not self._answer.done():
            self._answer.set_result(Answer(self._status, b"".join(self._pieces)))
