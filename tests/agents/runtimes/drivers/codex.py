"""The real Codex, which speaks the Responses API but has tools of its own."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agents.providers.retries import RetryPolicy
from agents.runtimes.codex import Codex
from tests.agents.runtimes.drivers.base import Fault, Turn, Use
from tests.agents.runtimes.drivers.claude_code import question
from tests.agents.runtimes.drivers.direct import OPENAI, DirectDriver
from tests.servers.openai import added_file
from tests.servers.scripted import JSON, Call, Reply


@dataclass(frozen=True)
class CodexDriver(DirectDriver):
    @asynccontextmanager
    async def runtime(self, *, tries: int = 5) -> AsyncIterator[Codex]:
        with tempfile.TemporaryDirectory(prefix="codex-homes-") as homes:
            policy = RetryPolicy(tries=tries, first_delay=0.0)
            yield Codex(policy=policy, homes=Path(homes).resolve())

    def _reply(self, turn: Turn) -> Reply:
        writes = tuple(use for use in turn.uses if use.tool == "write")
        others = tuple(use for use in turn.uses if use.tool != "write")
        patches = [added_file(use.path, use.content) for use in writes]
        return replace(super()._reply(replace(turn, uses=others)), blocks=patches)

    def _call(self, use: Use) -> Call:
        if use.tool == "ask":
            asked = {"id": "q1", **question(use)}
            del asked["multiSelect"]
            return Call("request_user_input", {"questions": [asked]})
        if use.tool == "nonsense":
            return Call("exec_command", {"what": use.content})
        # It waits for the command as long as a test takes: it would go on without it.
        line = use.command if use.tool == "run" else "ls"
        return Call("exec_command", {"cmd": line, "yield_time_ms": 30_000})

    def _fault(self, fault: Fault) -> JSON:
        if fault != "rate limit":
            return super()._fault(fault)
        # For how long Codex tells only where the provider says it in words.
        words = "Rate limit reached. Please try again in 600s."
        error = {"code": "rate_limit_exceeded", "message": words}
        return {"stop": "failed", "error": error}


CODEX = CodexDriver(
    name="openai-codex-app-server",
    kind=Codex,
    serves=OPENAI.serves,
    errors=OPENAI.errors,
    variables=OPENAI.variables,
    usage=OPENAI.usage,
    result=OPENAI.result,
    ends=OPENAI.ends,
    edits_input=False,
)
