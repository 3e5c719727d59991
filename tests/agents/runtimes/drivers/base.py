"""What a driver is given and must do."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from agents.protocol.runtime import Runtime
from tests.servers.scripted import ScriptedServer

Fault = Literal[
    "",
    "bad key",
    "no money",
    "unknown model",
    "too long",
    "rate limit",  # opens in 600 seconds
    "untold limit",  # opens, but nobody says when
    "overload",
    "server error",
    "cut",  # in the middle of the answer
    "ends",  # politely, before the answer is whole
    "stall",  # in the middle, until the client hangs up
    "pings",  # in the middle, no content but pings until the client hangs up
    "dumb",  # no answer at all
]
PERMANENT: tuple[Fault, ...] = ("bad key", "no money", "unknown model", "too long")
PASSING: tuple[Fault, ...] = ("overload", "server error", "cut", "ends")


@dataclass(frozen=True)
class Use:
    """A tool call: `write` of a file, `run` of a command, `list` of the workspace.

    Or `nonsense`: `run` with an input that has only the content, and no command. Or `ask`,
    which puts the content to a person, with two options.
    """

    tool: Literal["write", "run", "list", "nonsense", "ask"]
    path: str = ""
    content: str = ""
    command: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tokens:
    """What the provider says a turn used; `output` counts its reasoning too."""

    fresh: int  # input that no cache had
    cache_read: int
    cache_write: int
    output: int
    reasoning: int = 0


@dataclass(frozen=True)
class Turn:
    text: str = ""
    result: dict[str, Any] | None = None  # what it gives where a schema was given
    uses: tuple[Use, ...] = ()
    thinking: str = ""
    tokens: Tokens | None = None
    fault: Fault = ""
    end: Literal["", "refusal", "cut"] = ""  # why it ends, if not by itself


class Driver(Protocol):
    name: str
    edits_input: bool  # who allows a call may change it
    refuses: bool  # the provider has a way to say that the model refuses
    caches: bool  # the provider tells of a prompt cache

    def server(self, *turns: Turn, by_turn: bool = False) -> ScriptedServer:
        """Return a server that plays the turns; by_turn: by the place in the conversation."""
        ...

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that lead the runtime to a server at this URL."""
        ...

    def runtime(self, *, tries: int = 5) -> AbstractAsyncContextManager[Runtime]:
        """Give the runtime; it asks again without delay, so often."""
        ...

    def told(self, server: ScriptedServer) -> list[str]:
        """Return what the last request told the model about its last calls."""
        ...
