"""Reads the bodies of requests, as far as they are worth it."""

import io
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import IO, BinaryIO, cast

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, JsonResponse

from stagent.middleware.origin import SAFE_METHODS, refusal
from stagent.server.asgi_types import Message, Receive

HeadCheck = Callable[[Message], Awaitable[HttpResponse | None]]

# Where files are taken: the API's route and the admin's form.
UPLOADS = ("/api/documents", "/admin/tasks/document/add/")
# More than this of a body is read only of who is let in by the request's head.
UNCHECKED_BYTES = 2**16
SPOOL_BYTES = 2**20


class BodyRefused(Exception):
    """The body is not read, or not to its end; `response` says why."""

    def __init__(self, response: HttpResponse) -> None:
        self.response = response


class Disconnected(Exception):
    """The client went away before its body had ended."""


class HeadFirstRequest(ASGIRequest):
    """A request whose body comes later, once its head was looked at."""

    def __init__(self, scope: Message) -> None:
        super().__init__(scope, io.BytesIO())

    def take_body(self, body: IO[bytes]) -> None:
        # A chunked body comes without its length, and would be taken for none.
        self.META.setdefault("CONTENT_LENGTH", str(body.seek(0, io.SEEK_END)))
        body.seek(0)
        # What a body is spooled to is one, by another name.
        self._stream = cast("BinaryIO", body)


class RequestReader:
    """Reads one body. `check_head` answers for a request that is not let in."""

    def __init__(
        self, scope: Message, request: HeadFirstRequest, check_head: HeadCheck
    ) -> None:
        self._scope, self._request = scope, request
        self._check_head = check_head
        self._is_checked = False
        self._limit: int = (
            settings.STAGENT_MAX_UPLOAD_BYTES
            if scope["path"] in UPLOADS
            else settings.STAGENT_MAX_BODY_BYTES
        )

    async def read(self, receive: Receive) -> IO[bytes]:
        """Return the body, or raise BodyRefused as soon as it is known to be in vain."""
        # Before anything is waited for: what comes by a foreign name is not worth it.
        if self._request.method not in SAFE_METHODS and (
            response := refusal(self._request)
        ):
            raise BodyRefused(response)
        await self._judge(_declared_length(self._scope))
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            whole = message.get("body", b"")
            await self._judge(len(whole))
            return io.BytesIO(whole)
        body = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115
        try:
            async for size in _copy(message, body, receive):
                await self._judge(size)
        except BaseException:  # a cancel too: the file is not to be left open
            body.close()
            raise
        body.seek(0)
        return body

    async def _judge(self, size: int) -> None:
        """Raise BodyRefused if a body of this size, as it is so far or will be, is refused."""
        if size > self._limit:
            error = {"error": f"The body is larger than {self._limit} bytes."}
            raise BodyRefused(JsonResponse(error, status=413))
        if size > UNCHECKED_BYTES and not self._is_checked:
            if response := await self._check_head(self._scope):
                raise BodyRefused(response)
            self._is_checked = True


def _declared_length(scope: Message) -> int:
    """Return what Content-Length says; 0 where nothing does, as for chunks."""
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


async def _copy(
    message: Message, body: IO[bytes], receive: Receive
) -> AsyncIterator[int]:
    """Write what comes into `body`, and yield its size after each part."""
    while True:
        if message["type"] == "http.disconnect":
            raise Disconnected
        body.write(message.get("body", b""))
        yield body.tell()
        if not message.get("more_body"):
            return
        message = await receive()
