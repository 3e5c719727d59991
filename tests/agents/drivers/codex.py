"""Codex, which speaks the Responses API to its provider but has tools of its own."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agents.runtimes.codex import Codex
from agents.runtimes.wire import RetryPolicy
from tests.agents.drivers.base import Fault, Turn, Use
from tests.agents.drivers.direct import IN_THE_MIDDLE, OPENAI, OPENAI_ERRORS
from tests.servers.openai import ResponsesServer
from tests.servers.scripted import JSON, Call, Reply, ScriptedServer


class CodexDriver:
    name = "openai-codex-app-server"
    edits_input = False
    caches = True

    def server(self, *turns: Turn, by_turn: bool = False) -> ScriptedServer:
        replies = [_reply(turn, number) for number, turn in enumerate(turns)]
        return ResponsesServer(replies, by_turn=by_turn)

    def environment(self, url: str) -> dict[str, str]:
        return OPENAI.environment(url)

    @asynccontextmanager
    async def runtime(self, *, tries: int = 5) -> AsyncIterator[Codex]:
        with tempfile.TemporaryDirectory(prefix="codex-homes-") as homes:
            policy = RetryPolicy(tries=tries, first_delay=0.0)
            yield Codex(policy=policy, homes=Path(homes).resolve())

    def told(self, server: ScriptedServer) -> list[str]:
        return OPENAI.told(server)


def _reply(turn: Turn, number: int) -> Reply:
    return Reply(
        turn.text,
        calls=[_command(use) for use in turn.uses if use.tool != "write"],
        blocks=[
            patch_call(f"patch_{number}_{place}", added(use.path, use.content))
            for place, use in enumerate(turn.uses)
            if use.tool == "write"
        ],
        thinking=turn.thinking,
        usage=OPENAI.usage(turn.tokens) if turn.tokens else {},
        **_fault(turn.fault),
    )


def _command(use: Use) -> Call:
    # Long enough to wait in the call for what the test does with it.
    line = use.command if use.tool == "run" else "ls"
    return Call("exec_command", {"cmd": line, "yield_time_ms": 30_000})


def _fault(fault: Fault) -> JSON:
    if not fault or fault in IN_THE_MIDDLE:
        return {"fault": IN_THE_MIDDLE.get(fault, "")}
    if fault == "rate limit":
        # Codex tells for how long only where the provider says it in words.
        words = "Rate limit reached. Please try again in 600s."
        return {
            "stop": "failed",
            "error": {"code": "rate_limit_exceeded", "message": words},
        }
    status, error = OPENAI_ERRORS[fault]
    return {"status": status, "error": error}


def added(path: str, content: str) -> str:
    return f"*** Begin Patch\n*** Add File: {path}\n+{content}\n*** End Patch\n"


def patch_call(call_id: str, patch: str) -> JSON:
    return {
        "type": "custom_tool_call",
        "id": f"ctc_{call_id}",
        "call_id": call_id,
        "name": "apply_patch",
        "input": patch,
        "status": "completed",
    }


CODEX = CodexDriver()
