"""A model of one's own over Ollama's `/api/chat`, with our own loop and tools.

By plain HTTP: the package `ollama` drops parts of tool schemas and the ids of calls. Set up by
OLLAMA_HOST, the name that Ollama's own tools use, OLLAMA_MODEL and OLLAMA_CONTEXT_LENGTH.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import httpx2

from agents.protocol.events import JSON, UsageSoFar
from agents.protocol.runtime import RuntimeFailed
from agents.providers import causes, failures
from agents.providers.connections import make_timeout
from agents.providers.failures import TurnFailed
from agents.providers.lines import split_lines
from agents.providers.ollama import OllamaEndpoint
from agents.providers.wire import Result, Turn, Wire
from agents.runtimes.direct.base import DirectRuntime
from agents.runtimes.direct.model_setup import ModelSetup
from agents.runtimes.direct.ollama.reply import Reply

KEEP_LOADED = "15m"  # between two turns a person may have to answer


class Ollama(DirectRuntime):
    """A model of one's own over `/api/chat`."""

    make_client = httpx2.AsyncClient

    def make_wire(self, client: httpx2.AsyncClient, setup: ModelSetup) -> Wire:
        return ChatWire(
            client,
            OllamaEndpoint.from_environment().with_model(setup.model),
            setup,
            timeout=make_timeout(self.read_seconds),
        )


class ChatWire:
    """Ollama's chat, as the loop sees it. An item is a message."""

    name = "ollama-chat"
    notice = ""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        endpoint: OllamaEndpoint,
        setup: ModelSetup,
        *,
        timeout: httpx2.Timeout,
    ) -> None:
        self._client = client
        self.endpoint = endpoint
        self._setup = setup
        self._timeout = timeout
        self._tools = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                },
            }
            for tool in setup.tools
        ]

    def make_user_item(self, text: str) -> JSON:
        return {"role": "user", "content": text}

    def make_result_items(self, results: Sequence[Result]) -> list[JSON]:
        return [_make_result_item(result) for result in results]

    def make_portable(self, item: JSON) -> JSON | None:
        """Return it as it is: nothing in it is of one model alone."""
        return item

    async def stream_turn(
        self, history: list[JSON], *, is_repair: bool = False
    ) -> AsyncGenerator[str | UsageSoFar | Turn, None]:
        body = json.dumps(self._make_request(history, is_repair)).encode()
        reply = Reply(self.endpoint.provider, self.endpoint.model)
        try:
            async with self._client.stream(
                "POST",
                f"{self.endpoint.url}/api/chat",
                content=body,
                headers={"content-type": "application/json"},
                timeout=self._timeout,
            ) as response:
                if response.status_code != 200:
                    raise self._make_failure(await response.aread(), response)
                texts = self._read_texts(response, reply)
                async with aclosing(texts):
                    async for text in texts:
                        yield text
        except (httpx2.HTTPError, ValueError) as error:
            # What happens to the connection after the end of the answer is no matter.
            if not reply.is_complete:
                raise failures.make_connection_failure(error, self.endpoint) from error
        if not reply.is_complete:
            raise TurnFailed("The provider's answer broke off")
        if reply.was_shortened(len(body)):
            yield reply.make_usage_so_far()
            raise RuntimeFailed(self.endpoint.too_long_message)
        yield reply.make_turn()

    async def _read_texts(
        self, response: httpx2.Response, reply: Reply
    ) -> AsyncGenerator[str, None]:
        lines = split_lines(response.aiter_bytes())
        async with aclosing(lines):
            async for line in lines:
                text = (
                    reply.take(self._parse_line(line, response))
                    if line.strip()
                    else None
                )
                if text is not None:
                    yield text

    def _make_request(self, history: list[JSON], is_repair: bool) -> JSON:
        system = [{"role": "system", "content": self._setup.instructions}]
        request: JSON = {
            "model": self.endpoint.model,
            "messages": [*(system if self._setup.instructions else []), *history],
            "stream": True,
            "keep_alive": KEEP_LOADED,
            "options": {"num_ctx": self.endpoint.context_tokens},
            # What does not fit is an error. Else the oldest is left out in silence.
            "truncate": False,
            "shift": False,
        }
        if effort := self._setup.effort:
            # The levels are of few models; all others take one for yes.
            request["think"] = effort if effort != "none" else False
        # A server that holds a model to a format lets it call no tools: so first it works,
        # and then it answers.
        if self._setup.output_schema and (is_repair or not self._tools):
            request["format"] = self._setup.output_schema
        elif self._tools:
            request["tools"] = self._tools
        return request

    def _parse_line(self, line: bytes, response: httpx2.Response) -> JSON:
        value = json.loads(line)
        if not isinstance(value, dict):
            raise ValueError(f"no object: {line[:100]!r}")
        if "error" in value:
            raise self._make_failure(line, response)
        return value

    def _make_failure(
        self, body: bytes, response: httpx2.Response
    ) -> TurnFailed | RuntimeFailed:
        refusal = failures.Refusal(
            response.status_code, "", _read_error(body), response.headers
        )
        if refusal.status == 200:  # it came in the middle of an answer
            return failures.make_failure(causes.FAILED, self.endpoint, refusal.message)
        return failures.make_refusal_failure(refusal, self.endpoint)


def _read_error(body: bytes) -> str:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip()
    return str(error.get("message") if isinstance(error, dict) else error)


def _make_result_item(result: Result) -> JSON:
    output = result.output or "(no output)"
    item = {
        "role": "tool",
        "tool_name": result.tool_name,
        "content": f"Error: {output}" if result.is_error else output,
    }
    return {**item, "tool_call_id": result.call_id} if result.call_id else item
