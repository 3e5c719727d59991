"""The tool calls of a turn in our own loop: asked about, carried out, and what came of each."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from agents.protocol import events, questions
from agents.protocol.events import JSON, Event
from agents.protocol.runtime import AskPermission, ToolCall
from agents.runtimes.broken_sandbox import CommandTally
from agents.runtimes.direct.conversation import Conversation, PendingCall
from agents.tools import Toolbox, ToolFailed, ToolRefused
from tasks.rules.visible_text import make_readable

INTERRUPTED = (
    "This call was interrupted and its outcome is unknown: it may or may not have been"
    " carried out. Look before you repeat it."
)


class ToolCalls:
    """Asks about the calls of a turn, carries out what is allowed, and tells what came of it."""

    def __init__(
        self, toolbox: Toolbox, ask: AskPermission, conversation: Conversation
    ) -> None:
        self._toolbox = toolbox
        self._ask = ask
        self._conversation = conversation
        self.commands = CommandTally()

    async def settle(self, call: PendingCall) -> AsyncGenerator[Event, None]:
        """Carry the call out if it may run, and say what came of it either way."""
        if call.status == "running":  # when its worker was stopped
            call.end(INTERRUPTED, is_error=True)
            yield _make_result(call)
            return
        if self._toolbox.asks_a_person(call.tool_name):
            answering = self._ask_a_person(call)
            async with aclosing(answering):
                async for event in answering:
                    yield event
            return
        asked, permitted = await self._decide(call)
        if permitted is None:
            for event in report_not_run(call, asked):
                yield event
            return
        call.status = "running"
        yield self._conversation.make_checkpoint(will_continue=False)
        yield events.ToolUse(
            call.call_id, call.tool_name, permitted.tool_input, permitted.message
        )
        await self._execute(call, permitted)
        yield _make_result(call)

    async def _ask_a_person(self, call: PendingCall) -> AsyncGenerator[Event, None]:
        """Ask a question of the model; its answer is all that comes of the call."""
        try:
            asked = self._prepare(call, call.tool_input)
        except ToolRefused as refused:
            call.end(str(refused), is_error=True)
            for event in report_not_run(call):
                yield event
            return
        decision = await self._ask(asked)
        call.end(questions.describe_answer(decision), is_error=not decision.is_allowed)
        # Kept before all else: nobody is asked twice.
        yield self._conversation.make_checkpoint(will_continue=False)
        if not decision.is_allowed:
            for event in report_not_run(call, asked):
                yield event
            return
        yield events.ToolUse(
            call.call_id, call.tool_name, asked.tool_input, asked.message
        )
        yield _make_result(call)

    async def _decide(
        self, call: PendingCall
    ) -> tuple[ToolCall | None, ToolCall | None]:
        """Return what was asked for and what may run; None: the call has ended instead."""
        asked = None
        try:
            asked = self._prepare(call, call.tool_input)
            decision = await self._ask(asked)
            if decision.is_allowed:
                permitted = self._prepare(call, decision.tool_input)
                if decision.action not in {"", permitted.action}:
                    raise ToolRefused(
                        f"This is no longer what was allowed: {permitted.message}"
                    )
                if permitted.tool_input != asked.tool_input:
                    call.output = (
                        f"The user changed the input to {permitted.tool_input}.\n"
                    )
                if decision.agent_message:
                    call.output += f"{decision.agent_message}\n"
                return asked, permitted
        except ToolRefused as refused:
            call.end(str(refused), is_error=True)
            return asked, None
        call.end(decision.agent_message, is_error=True)
        return asked, None

    def _prepare(self, call: PendingCall, tool_input: JSON | None) -> ToolCall:
        if tool_input is None:
            raise ToolRefused(f"The input of {call.tool_name} must be a JSON object.")
        return self._toolbox.prepare(call.call_id, call.tool_name, tool_input)

    async def _execute(self, call: PendingCall, permitted: ToolCall) -> None:
        note = call.output
        try:
            call.end(note + await self._toolbox.execute(permitted), is_error=False)
        except (ToolFailed, ToolRefused) as error:
            call.end(f"{note}{error}", is_error=True)
        if permitted.action.startswith("run:"):
            self.commands.add(call.output)


def report_not_run(call: PendingCall, asked: ToolCall | None = None) -> Iterator[Event]:
    """Say what the model called for, as far as it is known, and why that was not run."""
    message = asked.message if asked else f"Using {make_readable(call.tool_name)}"
    yield events.ToolNotRun(call.call_id, call.tool_name, call.tool_input, message)
    yield _make_result(call)


def _make_result(call: PendingCall) -> Event:
    return events.ToolResult(call.call_id, call.tool_name, call.output, call.is_error)
