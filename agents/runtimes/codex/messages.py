"""What people say, handed over to Codex: while its tools run, or when its turn has ended.

Said while an answer streams, it would throw that answer away, and what it used would be told
nowhere. And what Codex has accepted it forgets when it is interrupted or killed: only the
rollout tells what the agent has.
"""

import asyncio

from agents.protocol.events import JSON
from agents.protocol.inbox import Inbox, word_for_working_agent
from agents.runtimes.codex.app_server import CallRefused
from agents.runtimes.codex.app_server import Message as Notification
from agents.runtimes.codex.rollout import Rollout
from agents.runtimes.codex.thread import Thread, make_text_item

ARRIVED: Notification = ("stagent/arrived", {}, None)  # as if Codex had said it


class MessageSender:
    """Gives messages of people to Codex, and takes back those that it did not read."""

    def __init__(self, inbox: Inbox, thread: Thread) -> None:
        self._inbox = inbox
        self._thread = thread
        self.is_at_work = thread.goes_on  # or the agent was done, or has not begun

    @property
    def has_any(self) -> bool:
        return self._inbox.has_any

    def take(self) -> tuple[list[JSON], str | None]:
        """Return what a turn begins with, and the id that its line in the rollout will have."""
        messages = self._inbox.take()
        if not messages:
            return [], None
        texts = [
            word_for_working_agent(m) if self.is_at_work else m.text for m in messages
        ]
        return list(map(make_text_item, texts)), self._rollout.register_messages(
            messages, texts
        )

    async def steer(self, turn_id: str) -> None:
        """Say it to the turn that goes on, where the model waits for its tools."""
        if not (self._inbox.has_any and self._rollout.is_in_tools):
            return
        messages = self._inbox.take()
        for place, message in enumerate(messages):
            text = word_for_working_agent(message)
            line_id = self._rollout.register_messages([message], [text])
            try:
                await self._thread.call(
                    "turn/steer",
                    expectedTurnId=turn_id,
                    input=[make_text_item(text)],
                    clientUserMessageId=line_id,
                )
            except CallRefused:  # the turn is just ending
                self._rollout.take_back(line_id)
                self._inbox.put_back(messages[place:])
                return

    def end_turn(self, *, is_done: bool) -> None:
        """Say again, at the next turn, what the one that has ended did not read."""
        self.is_at_work = not is_done
        self._inbox.put_back(self._rollout.take_back())

    async def notify_of_arrivals(self, inbox: asyncio.Queue[Notification]) -> None:
        """Have Codex's client look up when people say something: Codex may be silent for long."""
        while True:
            await self._inbox.wait_for_arrival()
            inbox.put_nowait(ARRIVED)

    @property
    def _rollout(self) -> Rollout:
        return self._thread.rollout
