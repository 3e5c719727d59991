"""Performs runs of the direct runtimes as the worker does, without a database."""

import json
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import psutil
import pytest

from agents.protocol.events import CheckpointReached, Event
from agents.protocol.runtime import (
    AgentKilled,
    Assignment,
    Checkpoint,
    Decision,
    Parked,
    RuntimeFailed,
    ToolCall,
)
from agents.providers.retries import RetryPolicy
from agents.runtimes.direct.anthropic import AnthropicDirect
from agents.tools import ALL
from agents.worker.silence import perform_watched
from tests.servers.anthropic import MessagesServer, Reply

NO_DELAY = RetryPolicy(first_delay=0.0)


@asynccontextmanager
async def anthropic_runtime(
    *, policy: RetryPolicy = NO_DELAY, read_seconds: float | None = None
) -> AsyncGenerator[AnthropicDirect, None]:
    runtime = AnthropicDirect(policy=policy, read_seconds=read_seconds)
    yield runtime
    await runtime.close()


@asynccontextmanager
async def serving(
    *replies: Reply, by_turn: bool = False
) -> AsyncGenerator[MessagesServer, None]:
    """Serve a script to the runtimes of Anthropic's format."""
    with pytest.MonkeyPatch.context() as patch:
        async with MessagesServer(list(replies), by_turn=by_turn) as server:
            patch.setenv("ANTHROPIC_API_KEY", "sk-test")
            patch.setenv("ANTHROPIC_BASE_URL", server.url)
            yield server


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def assignment(workspace: Path, prompt: str = "Do it.", **changes) -> Assignment:
    given = {
        "task_id": uuid.uuid4(),
        "run_id": uuid.uuid4(),
        "instructions": "Be brief.",
        "prompt": prompt,
        "workspace": workspace,
        "max_turns": 10,
        "tools": ALL,
    }
    return Assignment(**given | changes)


class Person:
    """Decides on every call, and remembers what was asked."""

    def __init__(
        self,
        *,
        denies: str = "",
        edits: dict | None = None,
        may: bool = True,
        remarks: str = "",
    ) -> None:
        self.asked: list[ToolCall] = []
        self._denies = denies
        self._edits = edits
        self._may = may
        self._remarks = remarks

    async def __call__(self, call: ToolCall) -> Decision:
        self.asked.append(call)
        if self._denies or not self._may:
            return Decision(False, call.tool_input, self._denies, by_person=True)
        given = {**call.tool_input, **(self._edits or {})}
        return Decision(True, given, self._remarks, by_person=True)


class Onlooker(Person):
    """Allows every call, and reads all command lines of the machine meanwhile, as `ps` does."""

    def __init__(self) -> None:
        super().__init__()
        self.command_lines = ""

    async def __call__(self, call: ToolCall) -> Decision:
        for process in psutil.process_iter(["cmdline"]):
            self.command_lines += "\n" + " ".join(process.info["cmdline"] or [])
        return await super().__call__(call)


def _may_stop(event: Event) -> bool:
    return isinstance(event, CheckpointReached) and event.will_continue


class Performance:
    """What came of one or more runs of the same conversation, kept as the database would."""

    def __init__(self, runtime, ask=None) -> None:
        self.runtime = runtime
        self.ask = ask or Person()
        self.events: list[Event] = []
        self.failure = ""
        self.was_killed = False
        self.parked: Parked | None = None
        self._state = ""
        self._items: list[str] = []

    async def run(
        self,
        given: Assignment,
        *,
        until: int | None = None,
        until_budget: bool = False,
    ) -> list[Event]:
        """Perform, up to `until` events, and return those of this run.

        With `until_budget`, stop where a used-up budget would.
        """
        seen: list[Event] = []
        try:
            async with aclosing(
                perform_watched(self.runtime, given, self.ask)
            ) as performance:
                async for event in performance:
                    self._keep(event)
                    seen.append(event)
                    self.events.append(event)
                    if len(seen) == until or (until_budget and _may_stop(event)):
                        break
        except RuntimeFailed as failure:
            self.failure = str(failure)
            self.was_killed = isinstance(failure, AgentKilled)
        except Parked as parked:
            self.parked = parked
        return seen

    @property
    def checkpoint(self) -> Checkpoint | None:
        if not self._state:
            return None
        return Checkpoint(
            json.loads(self._state), [json.loads(item) for item in self._items]
        )

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    def _keep(self, event: Event) -> None:
        if isinstance(event, CheckpointReached):
            self._state = json.dumps(event.state)
            self._items += [json.dumps(item) for item in event.items]
