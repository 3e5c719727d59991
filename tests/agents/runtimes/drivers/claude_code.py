"""The real Claude Code, whose binary is in the SDK's package."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from agents.providers.retries import RetryPolicy
from agents.runtimes.claude_code import ClaudeCode
from tests.agents.runtimes.drivers.base import Turn, Use
from tests.agents.runtimes.drivers.direct import ANTHROPIC, DirectDriver
from tests.servers.scripted import JSON, Call, Reply


def question(use: Use) -> JSON:
    """Return a question in the form that both agents of vendors have."""
    options = [{"label": one, "description": f"It is {one}."} for one in use.options]
    return {
        "question": use.content,
        "header": "Choice",
        "options": options,
        "multiSelect": False,
    }


@dataclass(frozen=True)
class ClaudeCodeDriver(DirectDriver):
    @asynccontextmanager
    async def runtime(self, *, tries: int = 5) -> AsyncIterator[ClaudeCode]:
        yield ClaudeCode(policy=RetryPolicy(tries=tries))

    def _reply(self, turn: Turn) -> Reply:
        if turn.result is None:
            return super()._reply(turn)
        given = Call("StructuredOutput", turn.result)
        return replace(super()._reply(replace(turn, result=None)), calls=[given])

    def _call(self, use: Use) -> Call:
        match use.tool:
            case "write":
                return Call("Write", {"file_path": use.path, "content": use.content})
            case "run":
                return Call("Bash", {"command": use.command})
            case "ask":
                return Call("AskUserQuestion", {"questions": [question(use)]})
            case "nonsense":
                return Call("Bash", {"what": use.content})
        return Call("Glob", {"pattern": "*"})


CLAUDE_CODE = ClaudeCodeDriver(
    name="claude-code",
    kind=ClaudeCode,
    serves=ANTHROPIC.serves,
    errors=ANTHROPIC.errors,
    variables=ANTHROPIC.variables,
    usage=ANTHROPIC.usage,
    result=ANTHROPIC.result,
    ends=ANTHROPIC.ends,
)
