"""What every runtime is given and must do."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from agents.protocol.events import Event, UsageEvent
from agents.protocol.inbox import Inbox
from ledger.pricing import Usage

JSON = dict[str, Any]


class RuntimeFailed(Exception):
    """The run cannot go on. The message is for people and says what to do."""


class TurnLimitReached(RuntimeFailed):
    """The run has made as many requests to the model as it may."""

    def __init__(self, max_turns: int) -> None:
        super().__init__(
            f"The turn limit of {max_turns} is reached. Resume for as many more."
        )


class AgentKilled(RuntimeFailed):
    """The agent's process was ended by somebody else than us: the run is taken up again."""


def make_process_failure(sentence: str, exit_code: int | None) -> RuntimeFailed:
    """Return the failure of an agent's process that ended although we did not end it.

    One that somebody killed ends by a signal, which launchers pass on as 128 plus its number,
    or with 0 after a polite request. Any other code is a failure of its own.
    """
    if exit_code is not None and (exit_code <= 0 or 128 < exit_code <= 192):
        return AgentKilled(sentence)
    return RuntimeFailed(f"{sentence} Resume to go on from here.")


class Parked(Exception):
    """The provider takes no request for a known time: go on after `seconds`, from the checkpoint.

    The reason is for people. Longer than the settings allow, or without a known time, is
    RuntimeFailed.
    """

    def __init__(self, reason: str, *, seconds: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds


@dataclass(frozen=True)
class Checkpoint:
    """What was kept to go on with a conversation: see `events.CheckpointReached`."""

    state: JSON
    items: list[JSON]


class Spending:
    """What a run spends, for a runtime that makes several requests at once.

    This one has no limit and keeps nothing.
    """

    def remember_usage(self, event: UsageEvent) -> None:
        """Keep what a request used, so that it is booked even if nobody takes the event."""

    async def has_room(self, in_flight: Sequence[Usage]) -> bool:
        """Tell if a request may start beside others, of which each uses so much at most.

        Raise RuntimeFailed where none may at all, as the budget is used up.
        """
        return True


@dataclass(frozen=True)
class Assignment:
    """What a runtime is given: plain data, no model, and the one who knows what is left."""

    task_id: UUID
    run_id: UUID
    instructions: str  # the profile's: the system prompt
    prompt: str  # the task's title, description and documents
    workspace: Path  # an existing folder of the task's own, absolute and resolved
    max_turns: int  # requests to the model in this run
    tools: tuple[str, ...]  # of the direct runtimes' own: read, list, search, ...
    checkpoint: Checkpoint | None = None
    spending: Spending = field(default_factory=Spending, compare=False)
    inbox: Inbox = field(default_factory=Inbox, compare=False)  # what people say to it
    network: bool = False  # the profile's: commands reach more than the provider
    # What the result is to satisfy, as a JSON Schema: see `agents.protocol.structured_output`.
    output_schema: JSON | None = None
    model: str = ""  # empty: the one that the server's environment names
    effort: str = ""  # one of the runtime's, in `tasks.catalog`; empty: the model's own
    # The wall clock of this run, which the worker holds it to: see `agents.worker.time_limit`.
    timeout_minutes: float | None = None
    is_question: bool = False  # one answer is wanted, and no tool is to be used
    # For agents that take their turn again where they are taken up: see `build_reminder`.
    reminder: str = ""


@dataclass(frozen=True)
class ToolCall:
    """What an agent wants to do, in the vocabulary that all runtimes share."""

    call_id: str  # unique in the conversation
    tool_name: str
    tool_input: JSON
    action: str  # "write:/reports/q4.md", "run:git status": what rules are matched with
    message: str  # a sentence for people: "Writing file: reports/q4.md"
    # Makes the call that another input would be, or raises ToolRefused. A person's edited
    # input is held against the deny rules by it; without it, no edited input is taken.
    remake: Callable[[JSON], "ToolCall"] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Decision:
    """The answer to a ToolCall. `tool_input` is what may run, edited or not."""

    is_allowed: bool
    tool_input: JSON
    message: str = ""
    # What was allowed, in the words of rules. Empty: nobody held it against rules.
    action: str = ""
    by_person: bool = False  # not by a rule, nor by what the input turned out to be

    @property
    def agent_message(self) -> str:
        """What the agent is to hear of it beside what comes of the call; mostly nothing."""
        if not self.by_person:
            return "" if self.is_allowed else self.message
        verb = "allowed" if self.is_allowed else "denied"
        if self.message:
            return f"The user {verb} this: {self.message}"
        return "" if self.is_allowed else "The user denied this."

    def permits(self, call: ToolCall) -> bool:
        """Tell whether this is, and still would be, what was allowed: links may change."""
        return (
            self.is_allowed
            and call.tool_input == self.tool_input
            and self.action in {"", call.action}
        )


AskPermission = Callable[[ToolCall], Awaitable[Decision]]


class Runtime(Protocol):
    """A way to run an agent.

    To resume is an assignment with a checkpoint; to cancel is to close the generator
    (it stops everything it started before it returns); to fail is to raise RuntimeFailed;
    to wait for a rate limit is to raise Parked.
    """

    def perform(
        self, assignment: Assignment, ask: AskPermission
    ) -> AsyncGenerator[Event, None]: ...

    async def close(self) -> None:
        """Let go of what runs share, such as connections; it may be used again after."""
