"""The ASGI application: one crossing from the event loop into a few lasting threads.

Django's own ASGI handler makes a thread and a database connection a request. Here the
sync handler, with all middleware, runs in threads that keep theirs; only what streams
(a task's log) goes on in the event loop, where it holds neither.
"""

import asyncio
import gc
import io
import logging
import os
import sys
import time
from importlib import import_module
from typing import IO

import django

from stagent.startup import explain_failures

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stagent.settings")
with explain_failures():
    django.setup(set_prefix=False)

from django.core import signals
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http import (
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.urls import get_resolver, set_script_prefix

from stagent.database import persistent_connections
from stagent.database.threads import web_threads
from stagent.server import request_metrics
from stagent.server.asgi_types import Message, Receive, Send
from stagent.server.heads import HeadHandler
from stagent.server.health import PATHS as HEALTH_PATHS
from stagent.server.health import Health
from stagent.server.request_reader import (
    BodyRefused,
    Disconnected,
    HeadFirstRequest,
    RequestReader,
)
from stagent.server.schema_check import refuse_another_schema
from stagent.server.streaming import send_body
from stagent.server.waiting import wait_for
from tasks import pubsub
from tasks.api.unavailable import unavailable
from tasks.observability import log_context

AnyResponse = HttpResponse | StreamingHttpResponse

log = logging.getLogger("stagent.requests")

# As long as SQLite waits for its lock: who stood in line behind such a wait has waited too.
PATIENCE_SECONDS = 30
SAFE = {"GET", "HEAD", "OPTIONS"}


class SyncHandler(BaseHandler):
    """Django's handler, all of it in one thread for each request."""

    request_class = ASGIRequest

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware()

    def __call__(
        self, request: HeadFirstRequest, body: IO[bytes], asked_at: float
    ) -> AnyResponse:
        """Answer in a thread. `asked_at` is the time on the monotonic clock."""
        set_script_prefix(request.scope.get("root_path") or "/")
        persistent_connections.look_after()
        signals.request_started.send(sender=self.__class__, scope=request.scope)
        request.take_body(body)
        if time.monotonic() - asked_at > PATIENCE_SECONDS:
            waited = TimeoutError(
                f"It waited {PATIENCE_SECONDS} s for those before it."
            )
            response: HttpResponseBase = unavailable(request, waited)
        else:
            response = self.get_response(request)
            response.route_name = _route_name(request)  # type: ignore[attr-defined]
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
            response.close()
        elif not isinstance(response, StreamingHttpResponse):
            raise TypeError(f"Cannot send a {type(response).__name__}.")
        if response.status_code >= 500:
            persistent_connections.look_after(has_failed=True)
        return response


class Application:
    """The ASGI application."""

    def __init__(self) -> None:
        self.handler = SyncHandler()
        self.heads = HeadHandler()
        self.health = Health()
        self.readers, self.writers = web_threads(8)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            raise ValueError(f"Only HTTP is served here, not {scope['type']}.")
        pubsub.use_loop(asyncio.get_running_loop())
        request_id = log_context.request_id_of(scope["headers"])
        log_context.add(request_id=request_id, path=scope["path"])
        if scope["path"] in HEALTH_PATHS:
            await self._answer(await self.health.response(scope), receive, send)
            return
        request = HeadFirstRequest(scope)
        try:
            body = await RequestReader(scope, request, self._check_head).read(receive)
        except Disconnected:
            return
        except BodyRefused as refused:
            await self._answer(refused.response, receive, send)
            return
        asked_at = time.monotonic()
        with body:
            threads = self.readers if scope["method"] in SAFE else self.writers
            handler = log_context.carry_context(self.handler)
            response = await threads.run(handler, request, body, asked_at)
            if hasattr(response, "wait") and not await wait_for(
                response, receive, self.writers
            ):
                return
            seconds = time.monotonic() - asked_at
            request_metrics.observe(scope["method"], response, seconds)
            log_request(scope, response, seconds)
            await self._answer(response, receive, send)

    async def _check_head(self, scope: Message) -> HttpResponse | None:
        return await self.readers.run(self._look_at_head, scope)

    def _look_at_head(self, scope: Message) -> HttpResponse | None:
        persistent_connections.look_after()
        response = self.heads.refusal(ASGIRequest(scope, io.BytesIO()))
        if response and response.status_code >= 500:
            persistent_connections.look_after(has_failed=True)
        return response

    async def _answer(
        self, response: AnyResponse, receive: Receive, send: Send
    ) -> None:
        request_id = log_context.current()["request_id"]
        headers = [(k.encode("ascii"), v.encode("latin1")) for k, v in response.items()]
        headers.append((b"X-Request-ID", request_id.encode("ascii")))
        headers += [
            (b"Set-Cookie", c.output(header="").encode())
            for c in response.cookies.values()
        ]
        await send(
            {
                "type": "http.response.start",
                "status": response.status_code,
                "headers": headers,
            }
        )
        if isinstance(response, HttpResponse):
            await send({"type": "http.response.body", "body": response.content})
        else:
            await send_body(response, receive, send)


def _route_name(request: ASGIRequest) -> str:
    match = request.resolver_match
    return match.view_name if match else ""


def log_request(scope: Message, response: AnyResponse, seconds: float) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    what = {
        "method": scope["method"],
        "status": response.status_code,
        "milliseconds": round(seconds * 1000, 1),
    }
    log.info("%s %s", scope["method"], scope["path"], extra=what)


refuse_another_schema()
# Loaded by `serve` and by daphne's own command line; other servers need no adapter.
if "daphne.server" in sys.modules:
    import_module("stagent.server.daphne_adapter").install()
persistent_connections.take_over()
application = Application()
get_resolver().url_patterns  # noqa: B018  loads the views
# What is loaded now stays. Without this, the garbage collector looks through all of it
# about once a second under load, and everything waits for 0.1 s.
gc.collect()
gc.freeze()
