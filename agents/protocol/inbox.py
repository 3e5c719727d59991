"""What people say to an agent while it works, as its runtime gets it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Message:
    """What a person says to the agent, with the documents that go with it in the text."""

    id: UUID
    text: str


class Inbox:
    """The messages that a run's agent has not got yet, in their order.

    A runtime takes them as soon as it has a way to hand them on without breaking anything
    off. That an agent has them it says with the checkpoint whose conversation contains them
    (`CheckpointReached.delivered`): what was taken and is in none is for the next run.
    """

    def __init__(self, messages: Sequence[Message] = ()) -> None:
        self._waiting: list[Message] = []
        self._came = asyncio.Event()
        self.put(messages)

    @property
    def has_any(self) -> bool:
        return bool(self._waiting)

    def put(self, messages: Sequence[Message]) -> None:
        self._waiting += messages
        if messages:
            self._came.set()

    def put_back(self, messages: Sequence[Message]) -> None:
        """Give back what was taken and could not be handed on."""
        self._waiting = [*messages, *self._waiting]

    def take(self) -> list[Message]:
        taken, self._waiting = self._waiting, []
        return taken

    async def wait_for_arrival(self) -> None:
        """Wait until something has come since this was waited for last."""
        await self._came.wait()
        self._came.clear()


def list_ids(messages: Sequence[Message]) -> tuple[UUID, ...]:
    return tuple(message.id for message in messages)


# --- How messages are worded -----------------------------------------------------------------

WHILE_WORKING = (
    "The user sent this while you were working. Take it into account as you go on.\n\n"
)
PROMPT_HEADING = "# Messages\n\nThe user said this after the task was written:"


def word_for_working_agent(message: Message) -> str:
    """Word a message for an agent that is in the middle of something."""
    return WHILE_WORKING + message.text


def join_texts(messages: Sequence[Message]) -> str:
    """Word messages for an agent that was done: they are what it is to do now."""
    return "\n\n".join(message.text for message in messages)


def append_to_prompt(prompt: str, messages: Sequence[Message]) -> str:
    """Add to a prompt what was said before it was given."""
    if not messages:
        return prompt
    return f"{prompt}\n\n{PROMPT_HEADING}\n\n{join_texts(messages)}"
