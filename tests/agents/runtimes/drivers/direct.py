"""The runtimes over a provider's API with our own loop and tools."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agents.providers.retries import RetryPolicy
from agents.runtimes.direct.anthropic import AnthropicDirect
from agents.runtimes.direct.base import DirectRuntime
from agents.runtimes.direct.ollama import Ollama
from agents.runtimes.direct.openai import OpenAIDirect
from tests.agents.runtimes.drivers.base import Fault, Tokens, Turn, Use
from tests.servers.anthropic import MessagesServer
from tests.servers.ollama import ChatServer
from tests.servers.openai import ResponsesServer
from tests.servers.scripted import JSON, Call, Reply, ScriptedServer

IN_THE_MIDDLE = {"cut": "cut", "ends": "end", "stall": "stall", "pings": "pings"}
# Status and error by fault, as each provider sends them.
ANTHROPIC_ERRORS = {
    "bad key": (401, {"type": "authentication_error", "message": "invalid x-api-key"}),
    "no money": (402, {"type": "billing_error", "message": "credit is too low"}),
    "unknown model": (404, {"type": "not_found_error", "message": "model: x"}),
    "too long": (
        400,
        {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"},
    ),
    "rate limit": (429, {"type": "rate_limit_error", "message": "slow down"}),
    "overload": (529, {"type": "overloaded_error", "message": "Overloaded"}),
    "server error": (500, {"type": "api_error", "message": "Internal error"}),
}
OPENAI_ERRORS = {
    "bad key": (401, {"code": "invalid_api_key", "message": "Incorrect API key"}),
    "no money": (429, {"code": "insufficient_quota", "message": "check your plan"}),
    "unknown model": (404, {"code": "model_not_found", "message": "no such model"}),
    "too long": (400, {"code": "context_length_exceeded", "message": "exceeds it"}),
    "rate limit": (429, {"code": "rate_limit_exceeded", "message": "slow down"}),
    "overload": (503, {"code": "server_is_overloaded", "message": "overloaded"}),
    "server error": (500, {"code": "server_error", "message": "sorry"}),
}
OLLAMA_ERRORS = {
    "bad key": (401, {"message": "unauthorized"}),
    "no money": (402, {"message": "subscribe"}),
    "unknown model": (404, {"message": "model 'x' not found"}),
    "too long": (400, {"message": "the input length exceeds the context length"}),
    "rate limit": (429, {"message": "slow down"}),
    "overload": (503, {"message": "server busy, please try again"}),
    "server error": (500, {"message": "llama runner process has terminated"}),
}


@dataclass(frozen=True)
class DirectDriver:
    name: str
    kind: Callable[..., DirectRuntime]
    serves: type[ScriptedServer]
    errors: dict[str, tuple[int, JSON]]
    variables: Callable[[str], dict[str, str]]
    usage: Callable[[Tokens], JSON]
    result: Callable[[JSON], list[str]]
    ends: dict[str, str]  # the provider's words for them
    caches: bool = True
    refuses: bool = True
    edits_input: bool = True

    def server(self, *turns: Turn, by_turn: bool = False) -> ScriptedServer:
        return self.serves([self._reply(turn) for turn in turns], by_turn=by_turn)

    def environment(self, url: str) -> dict[str, str]:
        return self.variables(url)

    @asynccontextmanager
    async def runtime(self, *, tries: int = 5) -> AsyncIterator[DirectRuntime]:
        runtime = self.kind(policy=RetryPolicy(tries=tries, first_delay=0.0))
        yield runtime
        await runtime.close()

    def told(self, server: ScriptedServer) -> list[str]:
        results: list[str] = []
        for item in reversed(server.history):
            if not (found := self.result(item)):
                break
            results = [*found, *results]
        return results

    def _reply(self, turn: Turn) -> Reply:
        return Reply(
            turn.text if turn.result is None else json.dumps(turn.result),
            calls=[self._call(use) for use in turn.uses],
            thinking=turn.thinking,
            usage=self.usage(turn.tokens) if turn.tokens else {},
            final_usage={"output_tokens": turn.tokens.output} if turn.tokens else {},
            **{"stop": self.ends.get(turn.end, ""), **self._fault(turn.fault)},
        )

    def _fault(self, fault: Fault) -> JSON:
        if not fault or fault in IN_THE_MIDDLE:
            return {"fault": IN_THE_MIDDLE.get(fault, "")}
        if fault == "dumb":
            return {"is_silent": True}
        kind = "rate limit" if fault == "untold limit" else fault
        status, error = self.errors[kind]
        headers = {"retry-after": "600"} if fault == "rate limit" else {}
        return {"status": status, "error": error, "headers": headers}

    def _call(self, use: Use) -> Call:
        match use.tool:
            case "write":
                return Call("write", {"path": use.path, "content": use.content})
            case "run":
                return Call("run", {"command": use.command})
            case "ask":
                given = {"question": use.content, "options": list(use.options)}
                return Call("ask", given)
            case "nonsense":
                return Call("run", {"what": use.content})
        return Call("list")


def _anthropic_usage(tokens: Tokens) -> JSON:
    return {
        "input_tokens": tokens.fresh,
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation_input_tokens": tokens.cache_write,
    }


def _openai_usage(tokens: Tokens) -> JSON:
    return {
        "input_tokens": tokens.fresh + tokens.cache_read + tokens.cache_write,
        "input_tokens_details": {
            "cached_tokens": tokens.cache_read,
            "cache_write_tokens": tokens.cache_write,
        },
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
    }


def _anthropic_results(message: JSON) -> list[str]:
    content = message["content"]
    blocks = content if isinstance(content, list) else []
    return [block["content"] for block in blocks if block["type"] == "tool_result"]


ANTHROPIC = DirectDriver(
    name="anthropic-direct",
    kind=AnthropicDirect,
    serves=MessagesServer,
    errors=ANTHROPIC_ERRORS,
    variables=lambda url: {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk-test"},
    usage=_anthropic_usage,
    result=_anthropic_results,
    ends={"refusal": "refusal", "cut": "max_tokens"},
)
OPENAI = DirectDriver(
    name="openai-direct",
    kind=OpenAIDirect,
    serves=ResponsesServer,
    errors=OPENAI_ERRORS,
    variables=lambda url: {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "sk-test"},
    usage=_openai_usage,
    result=lambda item: [item["output"]] if "output" in item else [],
    ends={"refusal": "refusal", "cut": "max_output_tokens"},
)
OLLAMA = DirectDriver(
    name="ollama",
    kind=Ollama,
    serves=ChatServer,
    errors=OLLAMA_ERRORS,
    variables=lambda url: {"OLLAMA_HOST": url},
    usage=lambda tokens: {
        "prompt_eval_count": tokens.fresh,
        "eval_count": tokens.output,
    },
    result=lambda item: [item["content"]] if item["role"] == "tool" else [],
    ends={"cut": "length"},
    caches=False,
    refuses=False,
)
