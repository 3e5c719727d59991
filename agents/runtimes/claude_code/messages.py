"""What people say, handed over to the CLI while it works.

It takes a message in with the results of the tools that run, or, where the agent is at its
last answer, as a turn of its own after that. What it has accepted it forgets when it is
killed: only its transcript tells what the agent has, and so does `KeptSession`.
"""

from collections.abc import AsyncIterator
from typing import Any

from claude_agent_sdk import ClaudeSDKClient, ClaudeSDKError, ResultMessage

from agents.protocol.events import JSON
from agents.protocol.inbox import (
    Inbox,
    Message,
    append_to_prompt,
    join_texts,
    word_for_working_agent,
)
from agents.protocol.runtime import Assignment
from agents.runtimes.claude_code.session import KeptSession

GO_ON = "You were interrupted, and now go on. Look at where you are, then continue."


class MessageSender:
    """Hands messages over, and knows which of them the CLI has not come to the end of."""

    def __init__(self, inbox: Inbox, session: KeptSession) -> None:
        self._inbox = inbox
        self._session = session
        self._open: set[str] = set()  # the ids of lines
        self._is_over = False

    async def send_prompt(
        self, client: ClaudeSDKClient, assignment: Assignment
    ) -> None:
        """Say what the run begins with: its prompt, and what people have said by now."""
        messages = self._inbox.take()
        text = append_to_prompt(assignment.prompt, messages)
        if self._session.was_done:
            text = join_texts(messages)
        elif self._session.lines:
            going_on = GO_ON + assignment.reminder
            text = "\n\n".join(
                [going_on, *(word_for_working_agent(one) for one in messages)]
            )
        await client.query(_make_input(text, self._session.register_messages(messages)))

    async def send_arriving(self, client: ClaudeSDKClient) -> None:
        """Hand over what comes, until the CLI is at its end."""
        while True:
            await self._inbox.wait_for_arrival()
            if self._is_over:
                return
            for message in self._inbox.take():
                await self._send(client, message)

    async def _send(self, client: ClaudeSDKClient, message: Message) -> None:
        line_id = self._session.register_messages([message])
        self._open.add(line_id)
        try:
            await client.query(_make_input(message.text, line_id))
        except ClaudeSDKError:  # it has ended: the message is for the next run
            self._open.discard(line_id)

    def is_last(self, result: ResultMessage) -> bool:
        """Tell if nothing comes after this result: the CLI has no message left to answer.

        One that was read in the middle of a turn ends with it; each other has its own.
        """
        self._open -= set(result.user_message_uuids or [])
        self._open -= self._session.read_in_turns
        self._is_over = result.is_error or not self._open
        return self._is_over

    async def interrupt(self, client: ClaudeSDKClient) -> None:
        """Interrupt the CLI, and let it forget what it has not read: else it would go on with it."""
        query: Any = client._query
        if query is not None:
            await query._send_control_request(
                {"subtype": "interrupt", "cancel_queued": True}
            )

    @property
    def has_open(self) -> bool:
        return bool(self._open)


async def _make_input(text: str, line_id: str) -> AsyncIterator[JSON]:
    yield {
        "type": "user",
        "uuid": line_id,
        "parent_tool_use_id": None,
        "message": {"role": "user", "content": text},
    }
