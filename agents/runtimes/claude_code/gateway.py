"""The one way from the CLI to its provider: a socket of ours, through which every request goes.

So each is admitted and booked, whichever agent makes it and however often it is tried; and
the key stays here: neither the CLI nor the commands that it runs ever have it.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import httpx2
from aiohttp import web

from agents.protocol.cancellation import run_in_thread
from agents.protocol.runtime import RuntimeFailed
from agents.providers.anthropic import AnthropicEndpoint
from agents.providers.failures import Refusal, make_refusal_failure
from agents.providers.model_text import parse_json_object
from agents.runtimes.claude_code.metering import Meter, Request
from agents.runtimes.claude_environment import find_socket_problem

MESSAGES, COUNT_TOKENS = "/v1/messages", "/v1/messages/count_tokens"
AGENT = "X-Claude-Code-Agent-Id"  # of a helper; the main agent sends none
CONNECT_SECONDS = 30.0
LARGEST_REQUEST = 256 * 2**20  # bytes
# Of a request or an answer what is between two neighbours only.
HOP_BY_HOP_HEADERS = {
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "host",
    "keep-alive",
    "transfer-encoding",
    "x-api-key",
}


class Gateway:
    """Passes the requests of one run on to the provider, and their replies back.

    `refusal` is set once a request may not be made: the run is over then.
    """

    def __init__(
        self, endpoint: AnthropicEndpoint, meter: Meter, *, answer_seconds: float
    ) -> None:
        self._endpoint = endpoint
        self._meter = meter
        self._answer_seconds = answer_seconds  # the longest wait for an answer's begin
        self._url = httpx2.URL(endpoint.address)
        self.refusal: asyncio.Future[RuntimeFailed] = (
            asyncio.get_running_loop().create_future()
        )

    @asynccontextmanager
    async def open(self, socket: Path) -> AsyncIterator[None]:
        """Listen at `socket`, in a folder that nobody else can enter."""
        if problem := find_socket_problem(socket):
            raise RuntimeFailed(problem)
        app = web.Application(client_max_size=LARGEST_REQUEST)
        base = self._url.path.rstrip("/")
        app.router.add_post(base + MESSAGES, self._handle_metered)
        app.router.add_post(base + COUNT_TOKENS, self._handle_free)
        runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=0, access_log=None
        )
        timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS)
        async with httpx2.AsyncClient(
            timeout=timeout, verify=_make_ssl_context()
        ) as client:
            self._client = client
            await runner.setup()
            try:
                await web.UnixSite(runner, str(socket)).start()
                # The agent may run as another user than we do.
                await run_in_thread(socket.chmod, 0o666)
                yield
            finally:
                await runner.cleanup()

    async def _handle_metered(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        try:
            metered = await self._meter.enter(request.headers.get(AGENT, ""), body)
        except RuntimeFailed as refusal:
            await self._refuse(refusal)
        try:
            return await self._forward(request, body, metered)
        except asyncio.CancelledError:
            metered.is_abandoned = True
            raise
        finally:
            self._meter.leave(metered)

    async def _refuse(self, refusal: RuntimeFailed) -> None:
        """End the run; the CLI gets no answer, for it would be gone in a moment."""
        if not self.refusal.done():
            self.refusal.set_result(refusal)
        await asyncio.Future()

    def _is_without_model(self, answer: httpx2.Response, metered: Request) -> bool:
        """Tell if the provider does not have the run's model; a helper's is the agent's business."""
        is_own = not metered.agent and metered.model == self._endpoint.model
        return is_own and answer.status_code == httpx2.codes.NOT_FOUND

    async def _refuse_unknown_model(
        self, answer: httpx2.Response, metered: Request
    ) -> None:
        """End the run in the provider's words: the CLI has its own, and asks once more."""
        self._meter.leave(metered)
        body = (await answer.aread()).decode(errors="replace")
        error = (parse_json_object(body) or {}).get("error")
        error = error if isinstance(error, dict) else {"message": body}
        kind, message = str(error.get("type") or ""), str(error.get("message") or "")
        refusal = Refusal(answer.status_code, kind, message, answer.headers)
        failure = make_refusal_failure(refusal, self._endpoint)
        if isinstance(failure, RuntimeFailed):  # and nothing that passes
            await self._refuse(failure)

    async def _handle_free(self, request: web.Request) -> web.StreamResponse:
        return await self._forward(request, await request.read(), None)

    async def _forward(
        self, request: web.Request, body: bytes, metered: Request | None
    ) -> web.StreamResponse:
        response = web.StreamResponse()
        try:
            asked = self._build_request(request, body)
            async with asyncio.timeout(self._answer_seconds):
                answer = await self._client.send(asked, stream=True)
            try:
                if metered and self._is_without_model(answer, metered):
                    await self._refuse_unknown_model(answer, metered)
                response = web.StreamResponse(
                    status=answer.status_code, headers=_filter_headers(answer.headers)
                )
                await response.prepare(request)
                await self._stream_reply(answer, response, metered)
            finally:
                await answer.aclose()
        except (httpx2.HTTPError, TimeoutError):
            # As the provider does it to us; the CLI knows how often to try again.
            if request.transport:
                request.transport.abort()
        return response

    async def _stream_reply(
        self,
        answer: httpx2.Response,
        response: web.StreamResponse,
        metered: Request | None,
    ) -> None:
        is_stream = "event-stream" in answer.headers.get("content-type", "")
        whole = b""
        async for chunk in answer.aiter_bytes():
            if metered and is_stream:
                self._meter.take(metered, chunk)
            elif metered and answer.status_code == httpx2.codes.OK:
                whole += chunk
            await response.write(chunk)
        if whole and metered:
            self._meter.leave(metered, whole)
        await response.write_eof()

    def _build_request(self, request: web.Request, body: bytes) -> httpx2.Request:
        return self._client.build_request(
            request.method,
            self._url.copy_with(raw_path=request.raw_path.encode()),
            content=body,
            headers={
                **_filter_headers(request.headers),
                "accept-encoding": "identity",
                **self._make_credential(),
            },
        )

    def _make_credential(self) -> dict[str, str]:
        if self._endpoint.auth_token:
            return {"authorization": f"Bearer {self._endpoint.auth_token}"}
        return {"x-api-key": self._endpoint.api_key or "", **self._endpoint.login}


def _filter_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in HOP_BY_HOP_HEADERS
    }


@cache
def _make_ssl_context() -> ssl.SSLContext:
    """Return the authorities that are trusted, made once: it takes a while."""
    context = httpx2.create_ssl_context()
    if extra := os.environ.get("NODE_EXTRA_CA_CERTS"):  # the CLI's name for more
        context.load_verify_locations(extra)
    return context
