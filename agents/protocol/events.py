"""What a runtime yields while it works. `agents.worker.recorder` turns each into rows."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ledger.pricing import Usage

JSON = dict[str, Any]

# Between two PartialText or Working events of a runtime, at least.
PARTIAL_TEXT_SECONDS = 0.1


@dataclass(frozen=True)
class PartialText:
    """All of the unfinished message so far. Shown to who is watching, never stored."""

    text: str


@dataclass(frozen=True)
class Working:
    """Content came that is shown nowhere, such as thoughts or a call that is being written.

    Only says that the provider is at work: a ping is none.
    """


@dataclass(frozen=True)
class AssistantText:
    """A finished message of the agent."""

    text: str


@dataclass(frozen=True)
class Thinking:
    """A finished stretch of the agent's reasoning, as far as the provider shows it."""

    text: str


@dataclass(frozen=True)
class ToolUse:
    """The agent starts to use a tool: it was allowed to."""

    call_id: str
    tool_name: str
    tool_input: JSON
    message: str  # a sentence for people: "Reading file: src/data/revenue.csv"


@dataclass(frozen=True)
class ToolNotRun:
    """The agent called for a tool, and it was not run: it was denied, or makes no sense.

    The reason is in the ToolResult that follows.
    """

    call_id: str
    tool_name: str
    tool_input: JSON | None  # None: what the model sent is no JSON object
    message: str  # a sentence for people: what it would have been


@dataclass(frozen=True)
class ToolResult:
    """What came of a tool call, as the agent is told it."""

    call_id: str
    tool_name: str
    output: str
    is_error: bool = False


@dataclass(frozen=True)
class UsageReported:
    """What one request to the provider used. `key` is that request's id."""

    key: str
    usage: Usage
    opened_as: str = ""  # the key of its UsageSoFar, where that is another
    is_estimated: bool = False  # by us: the provider did not come to tell it

    @property
    def open_key(self) -> str:
        return self.opened_as or self.key


@dataclass(frozen=True)
class UsageSoFar:
    """What a request has used that is still being answered: booked only if it breaks off.

    An estimate, yielded before it is sent; or what the provider tells at its answer's start.
    """

    key: str
    usage: Usage
    is_estimated: bool = False


@dataclass(frozen=True)
class NothingUsed:
    """The provider did not take the request of this key, of which a UsageSoFar was yielded."""

    key: str


@dataclass(frozen=True)
class Retrying:
    """A passing failure of the provider; the request goes out again after `delay` seconds."""

    reason: str
    delay: float


@dataclass(frozen=True)
class Notice:
    """Something about this run that a person should know and that is no failure."""

    text: str


@dataclass(frozen=True)
class CheckpointReached:
    """From here the conversation can go on in another process.

    `state` replaces what was kept before, `items` are appended to what was kept: the
    provider's own wire items, as plain JSON. `will_continue` is true where the agent's
    next step asks the provider again, which is where a used-up budget stops it. `delivered`
    are the messages of people that are in the conversation from here on.
    """

    state: JSON
    items: list[JSON] = field(default_factory=list)
    will_continue: bool = False
    delivered: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class Finished:
    """The agent is done; `text` is the task's result. Always the last event."""

    text: str


UsageEvent = UsageSoFar | UsageReported | NothingUsed
# What is written down when it comes. The end is, with what becomes of the task.
Recorded = (
    PartialText
    | AssistantText
    | Thinking
    | ToolUse
    | ToolNotRun
    | ToolResult
    | UsageReported
    | NothingUsed
    | Retrying
    | Notice
    | CheckpointReached
)
Event = Recorded | UsageSoFar | Working | Finished
