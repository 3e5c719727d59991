"""The agent loop of the runtimes that talk to a provider's API themselves.

Ask the model, run the tools that it calls, hand back what they said, until it is done. It
is the same for all of them; how requests and answers look is a `Wire`.

A checkpoint follows every step, so that a run can go on in another process from wherever
it was stopped. A call that was running then is not repeated: its outcome is unknown, and
that is what the model reads.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from itertools import count

from agents.protocol import events
from agents.protocol.events import PARTIAL_TEXT_SECONDS, Event
from agents.protocol.inbox import list_ids, word_for_working_agent
from agents.protocol.runtime import (
    AskPermission,
    Assignment,
    RuntimeFailed,
    TurnLimitReached,
)
from agents.protocol.structured_output import StructuredOutput
from agents.providers import causes
from agents.providers.failures import TurnFailed
from agents.providers.retries import RetryPolicy
from agents.providers.wire import Result, Turn, Wire
from agents.runtimes.broken_sandbox import MENDED
from agents.runtimes.direct import turn_ends
from agents.runtimes.direct.conversation import Conversation
from agents.runtimes.direct.request import Request
from agents.runtimes.direct.tool_calls import ToolCalls, report_not_run
from agents.tools import Toolbox


class AgentLoop:
    """One run of an agent, from its assignment to its result."""

    def __init__(
        self,
        wire: Wire,
        toolbox: Toolbox,
        assignment: Assignment,
        ask: AskPermission,
        *,
        policy: RetryPolicy,
    ) -> None:
        self._wire = wire
        self._assignment = assignment
        self._inbox = assignment.inbox
        self._policy = policy
        self._requests = 0
        self._request = Request(assignment.instructions, toolbox.schemas)
        schema = assignment.output_schema
        self._output = None if schema is None else StructuredOutput(schema)
        self._is_repair = False  # the model mends its result
        self._conversation, self._notice = self._restore_conversation()
        self._conversation.set_model(wire.endpoint.model)
        self._calls = ToolCalls(toolbox, ask, self._conversation)

    async def run(self) -> AsyncGenerator[Event, None]:
        for notice in filter(None, (self._wire.notice, self._notice)):
            yield events.Notice(notice)
        if self._assignment.timeout_minutes and not self._conversation.is_kept:
            # The limit may come in the very first request: a resume is to have what to go on from.
            yield self._conversation.make_checkpoint(will_continue=False)
        try:
            while not await self._is_done():
                in_tools = self._conversation.phase == "tools"
                for event in () if in_tools else self._take_in_messages():
                    yield event
                steps = self._use_tools() if in_tools else self._take_turn()
                async with aclosing(steps):
                    async for event in steps:
                        yield event
        except RuntimeFailed:
            if (
                not self._conversation.is_kept
            ):  # else a resume has nothing to go on from
                yield self._conversation.make_checkpoint(will_continue=False)
            raise
        yield events.Finished(self._conversation.text)

    def _restore_conversation(self) -> tuple[Conversation, str]:
        kept, prompt = self._assignment.checkpoint, self._assignment.prompt
        if self._output:
            prompt += self._output.instruction
        if kept and (restored := Conversation.restore(self._wire.name, kept)):
            return restored, ""
        history = [self._wire.make_user_item(prompt)]
        if kept is None:
            return Conversation(self._wire.name, history), ""
        afresh = Conversation(self._wire.name, history, skipped=len(kept.items))
        return afresh, "The kept conversation cannot be read: starting afresh."

    async def _is_done(self) -> bool:
        """Tell if there is no more to do; let the model mend its result, once a run."""
        if self._conversation.phase != "done" or self._inbox.has_any:
            return False
        if self._output is None or self._is_repair:
            return True
        said = self._conversation.text
        if not (problems := await self._output.describe_problems(said)):
            return True
        self._is_repair = True
        self._conversation.ask_again(self._wire.make_user_item(problems))
        return False

    def _take_in_messages(self) -> Iterator[Event]:
        """Put what people said behind all else, before the next request."""
        messages = self._inbox.take()
        if not messages:
            return
        is_at_work = self._conversation.phase != "done" and self._conversation.turns > 0
        texts = (
            word_for_working_agent(one) if is_at_work else one.text for one in messages
        )
        self._conversation.ask_again(*map(self._wire.make_user_item, texts))
        self._is_repair = False  # it will have another result
        yield self._conversation.make_checkpoint(
            will_continue=True, delivered=list_ids(messages)
        )

    # --- The model's turn ---

    async def _take_turn(self) -> AsyncGenerator[Event, None]:
        limit = self._assignment.max_turns
        if self._requests >= limit:
            raise TurnLimitReached(limit)
        self._requests += 1
        answer = self._ask_model()
        async with aclosing(answer):
            async for step in answer:
                if isinstance(step, Turn):
                    for event in self._digest(step):
                        yield event
                else:
                    yield step

    async def _ask_model(self) -> AsyncGenerator[Event | Turn, None]:
        """Ask until there is an answer: yield what happens on the way, then the turn."""
        for failures in count(1):
            yield self._request.open(self._wire.endpoint, self._conversation.history)
            try:
                stream = self._stream()
                async with aclosing(stream):
                    async for step in stream:
                        yield self._request.note_reply(step)
                return
            except RuntimeFailed:
                yield self._request.end_failed()
                raise
            except TurnFailed as error:
                failure = error
            yield self._request.end_failed(failure)
            delay = self._policy.choose_delay(failure, failures)
            yield events.Retrying(f"{failure.reason}; next try in {delay:.0f} s", delay)
            await asyncio.sleep(delay)

    async def _stream(self) -> AsyncGenerator[Event | Turn, None]:
        text = shown = ""
        shown_at = worked_at = float("-inf")
        history = self._conversation.list_readable(self._wire.make_portable)
        stream = self._wire.stream_turn(history, is_repair=self._is_repair)
        async with aclosing(stream):
            async for step in stream:
                if not isinstance(step, str):
                    yield step
                    continue
                text, now = text + step, time.monotonic()
                if text != shown and now - shown_at >= PARTIAL_TEXT_SECONDS:
                    shown, shown_at = text, now
                    yield events.PartialText(text)
                elif not step and now - worked_at >= PARTIAL_TEXT_SECONDS:
                    worked_at = now
                    yield events.Working()

    def _digest(self, turn: Turn) -> Iterator[Event]:
        # First, so that whatever comes of the turn, it is paid for.
        yield self._request.make_usage_event(turn)
        if turn.thinking.strip():
            yield events.Thinking(turn.thinking)
        if not causes.is_blank(turn.text):
            yield events.AssistantText(turn.text)
        if failure := turn_ends.find_failure(turn):
            raise failure
        if notice := turn_ends.describe(turn):
            yield events.Notice(notice)
        if turn_ends.is_last(turn) and (
            sandbox_failure := self._calls.commands.find_failure()
        ):
            self._conversation.history.append(self._wire.make_user_item(MENDED))
            yield self._conversation.make_checkpoint(will_continue=False)
            raise sandbox_failure
        self._conversation.add_turn(turn)
        for call in self._conversation.pending:
            if call.status == "done":  # with the turn that was cut
                yield from report_not_run(call)
        is_final = self._conversation.phase == "done"
        yield self._conversation.make_checkpoint(will_continue=not is_final)

    # --- The tools' turn ---

    async def _use_tools(self) -> AsyncGenerator[Event, None]:
        calls = self._conversation.pending
        for call in calls:
            if call.status == "done":
                continue
            settling = self._calls.settle(call)
            async with aclosing(settling):
                async for event in settling:
                    yield event
            if call is not calls[-1]:
                yield self._conversation.make_checkpoint(will_continue=False)
        results = [
            Result(call.wire_id, call.tool_name, call.output, call.is_error)
            for call in calls
        ]
        self._conversation.add_results(self._wire.make_result_items(results))
        yield self._conversation.make_checkpoint(will_continue=True)
