"""A runtime for tests: it plays the script that is its prompt, a step a line.

    say: TEXT             a message of the agent
    partial: TEXT         an unfinished one
    sleep: SECONDS
    ask: ACTION           ask for permission, then use the tool; `ask: write:/x`
    write: PATH TEXT      make a file, unasked
    use: KEY=N …          book a request: input=10 output=5 model=NAME provider=NAME key=ID
    checkpoint            keep the line that comes next; a resume starts there
    turn                  the same, where the next step would ask the provider again
    hear                  wait until a person says something
    park: SECONDS         rest, as for a rate limit; goes on after this line
    fail: TEXT            end as failed
    crash: TEXT           end by an error nobody expected
    kill                  end the worker's process, as `kill -9` does
    finish: TEXT          end with this result

Lines of any other form are passed over. A script that ends without `finish` says "done".
What a person says to it is repeated between two lines, and kept in a checkpoint.
"""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from functools import partial

from agents.protocol import events
from agents.protocol.inbox import list_ids
from agents.protocol.runtime import (
    AskPermission,
    Assignment,
    Parked,
    RuntimeFailed,
    ToolCall,
)
from ledger.pricing import Usage
from tasks.files.workspace import Workspace


class Echo:
    """The runtime of tests: see the module."""

    async def perform(
        self, assignment: Assignment, ask: AskPermission
    ) -> AsyncGenerator[events.Event, None]:
        lines = assignment.prompt.splitlines()
        start = assignment.checkpoint.state["line"] if assignment.checkpoint else 0
        for number, line in enumerate(lines[start:], start=start):
            verb, _, rest = line.strip().partition(":")
            for event in _take_messages(assignment, number):
                yield event
            if verb == "finish":
                yield events.Finished(rest.strip())
                return
            async for event in _perform_line(
                verb, rest.strip(), number, assignment, ask
            ):
                yield event
        for event in _take_messages(assignment, len(lines)):
            yield event
        yield events.Finished("done")

    async def close(self) -> None:
        """Nothing is shared between runs."""


def _take_messages(assignment: Assignment, line: int) -> Iterator[events.Event]:
    """Take what people have said before this line."""
    if messages := assignment.inbox.take():
        items = [{"line": line, "heard": message.text} for message in messages]
        yield events.CheckpointReached({"line": line}, items, True, list_ids(messages))
    for message in messages:
        yield events.AssistantText(f"heard: {message.text}")


async def _perform_line(
    verb: str, rest: str, number: int, assignment: Assignment, ask: AskPermission
) -> AsyncIterator[events.Event]:
    match verb:
        case "say":
            yield events.AssistantText(rest)
        case "partial":
            yield events.PartialText(rest)
        case "hear" | "sleep":
            await _wait(rest, assignment)
        case "ask":
            async for event in _use_tool(rest, number, ask):
                yield event
        case "use":
            yield _make_usage(rest, f"{assignment.run_id}-{number}")
        case "checkpoint" | "turn" | "park":
            state = {"line": number + 1}
            yield events.CheckpointReached(state, [{"line": number}], verb == "turn")
    _act(verb, rest, assignment)


async def _wait(seconds: str, assignment: Assignment) -> None:
    """Wait for so many seconds, or without any until somebody says something."""
    if seconds:
        await asyncio.sleep(float(seconds))
        return
    while not assignment.inbox.has_any:
        await assignment.inbox.wait_for_arrival()


def _act(verb: str, rest: str, assignment: Assignment) -> None:
    match verb:
        case "write":
            path, _, text = rest.partition(" ")
            workspace = Workspace(assignment.workspace)
            located = workspace.locate_for_writing(path)
            workspace.replace_file(located, text.encode())
        case "fail":
            raise RuntimeFailed(rest)
        case "park":
            raise Parked("The rate limit is used up", seconds=float(rest))
        case "crash":
            raise ZeroDivisionError(rest)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)


async def _use_tool(
    action: str, number: int, ask: AskPermission
) -> AsyncIterator[events.Event]:
    kind, _, target = action.partition(":")
    call = _make_call(f"call-{number}", kind, {"target": target})
    decision = await ask(call)
    if decision.is_allowed:
        yield events.ToolUse(call.call_id, kind, decision.tool_input, call.message)
        yield events.ToolResult(
            call.call_id, kind, f"did {decision.tool_input['target']}"
        )
    else:
        text = f"denied: {decision.message}"
        yield events.ToolNotRun(call.call_id, kind, call.tool_input, call.message)
        yield events.ToolResult(call.call_id, kind, text, is_error=True)


def _make_call(call_id: str, kind: str, tool_input: events.JSON) -> ToolCall:
    action = f"{kind}:{tool_input['target']}"
    remake = partial(_make_call, call_id, kind)
    return ToolCall(call_id, kind, tool_input, action, f"Using {action}", remake)


def _make_usage(rest: str, key: str) -> events.UsageReported:
    given = dict(pair.split("=", 1) for pair in rest.split())
    usage = Usage(
        provider=given.get("provider", "anthropic"),
        model=given.get("model", "claude-sonnet-4-5"),
        input_tokens=int(given.get("input", 0)),
        cache_read_tokens=int(given.get("cache_read", 0)),
        output_tokens=int(given.get("output", 0)),
    )
    return events.UsageReported(given.get("key", key), usage)
