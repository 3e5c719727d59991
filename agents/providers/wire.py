"""A provider's side of the agent loop: what a turn is, and how to ask for one."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from agents.protocol import events
from agents.protocol.events import JSON
from agents.providers.endpoint import Endpoint
from ledger.pricing import Usage


class StopReason(Enum):
    """Why the model's turn ended."""

    FINISHED = "finished"
    TOOL_CALLS = "tool calls"
    PAUSED = "paused"  # the provider wants the conversation back as it is
    MAX_TOKENS = "max tokens"
    MODEL_LENGTH = "model length"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RequestedCall:
    """A tool call as the model wrote it."""

    call_id: str
    tool_name: str
    tool_input: JSON | None  # None: what the model sent is no JSON object


@dataclass(frozen=True)
class Turn:
    """A whole answer of the model. `items` are what the history keeps of it."""

    request_id: str
    items: list[JSON]
    calls: list[RequestedCall]
    text: str
    thinking: str
    usage: Usage
    stop: StopReason


@dataclass(frozen=True)
class Result:
    """What there is to tell the model about a call."""

    call_id: str
    tool_name: str
    output: str
    is_error: bool


class Wire(Protocol):
    """How one provider's requests and answers look."""

    name: str  # of the format of its items: a history is of one format
    notice: str  # what a person should know before the first request; mostly nothing

    @property
    def endpoint(self) -> Endpoint: ...

    def stream_turn(
        self, history: list[JSON], *, is_repair: bool = False
    ) -> AsyncGenerator[str | events.UsageSoFar | Turn, None]:
        """Yield text as it comes ("" for other content), and at the end the turn.

        Nothing for what is no content, such as a ping: that is silence.

        And what it has used so far, where the provider tells that at the start.

        `is_repair`: only the result is wanted, as its schema says, and no call of a tool.

        Raise TurnFailed where another try may help, RuntimeFailed where none will.
        """
        ...

    def make_portable(self, item: JSON) -> JSON | None:
        """Return what another model of this provider takes of an item; None for nothing."""
        ...

    def make_user_item(self, text: str) -> JSON: ...

    def make_result_items(self, results: Sequence[Result]) -> list[JSON]: ...
