"""One run of Codex: a process that is started, given its task, read from and ended.

What goes into the log comes from what Codex says; what it used and what is kept to go on
comes from its rollout, which is read after everything that it says. So by the time a tool
call is put to a person, what the request before it used is booked, and a used-up budget or
turn limit has ended the run.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from pathlib import Path

from agents.protocol import events
from agents.protocol.cancellation import run_to_end
from agents.protocol.events import JSON, Event
from agents.protocol.runtime import (
    AskPermission,
    Assignment,
    make_process_failure,
)
from agents.protocol.structured_output import StructuredOutput
from agents.providers.causes import find_cause_of_silence
from agents.providers.failures import make_failure
from agents.providers.openai import OpenAIEndpoint
from agents.providers.retries import RetryPolicy
from agents.runtimes.broken_sandbox import MENDED
from agents.runtimes.codex.app_server import Gone, Message
from agents.runtimes.codex.approvals import ApprovalRequest
from agents.runtimes.codex.failures import TurnFailures
from agents.runtimes.codex.items import Items
from agents.runtimes.codex.messages import MessageSender
from agents.runtimes.codex.pending_approvals import PendingApprovals
from agents.runtimes.codex.replies import send_reply
from agents.runtimes.codex.requests import Requests
from agents.runtimes.codex.rollout_lines import Call
from agents.runtimes.codex.thread import Thread, make_text_item
from tasks.files.workspace import Workspace

# Codex drops what it cannot read of an answer, so that nobody can tell which it was.
NOTHING_READABLE = "Codex does not pass on what else may be in it, such as a refusal"
POLL_SECONDS = 0.05  # while it is not known yet what a request used
LATE_SECONDS = 2.0  # for what a command says that is ended with the turn
# What we put into the inbox ourselves, or take for a message.
DECIDED = "stagent/decided"
IDLE: Message = ("stagent/idle", {}, None)


class Conversation:
    """One run of Codex: its turns, what it says, and the approvals it asks for."""

    def __init__(
        self,
        assignment: Assignment,
        ask: AskPermission,
        *,
        endpoint: OpenAIEndpoint,
        policy: RetryPolicy,
        homes: Path,
    ) -> None:
        self._assignment = assignment
        self._endpoint = endpoint
        self._thread = Thread(assignment, endpoint, homes)
        self._requests = Requests(self._thread)
        self._inbox = self._thread.server.inbox
        self._items = Items()
        schema = assignment.output_schema
        self._output = None if schema is None else StructuredOutput(schema)
        self._approvals = PendingApprovals(
            ask,
            Workspace(assignment.workspace),
            self._items,
            on_decided=lambda key: self._inbox.put_nowait((DECIDED, {}, key)),
        )
        self._messages = MessageSender(assignment.inbox, self._thread)
        self._turn: JSON = {}
        self._failures = TurnFailures(policy, endpoint)
        self._answered: list[Call] = []

    async def run(self) -> AsyncGenerator[Event, None]:
        watching = asyncio.create_task(self._messages.notify_of_arrivals(self._inbox))
        try:
            work = self._work()
            async with aclosing(work):
                async for event in work:
                    yield event
        except Gone as error:
            stderr = self._thread.server.stderr_end
            raise make_process_failure(
                f"Codex stopped unexpectedly ({error}{': ' if stderr else ''}{stderr}).",
                await self._thread.server.get_exit_code(),
            ) from error
        finally:
            watching.cancel()
            await run_to_end(self._stop())

    async def _stop(self) -> None:
        await self._approvals.forget_all()
        await self._thread.stop(self._turn.get("id"))

    async def _work(self) -> AsyncGenerator[Event, None]:
        given = await self._thread.open()
        self._messages.is_at_work = self._thread.goes_on
        if self._thread.notice:
            yield events.Notice(self._thread.notice)
        turns = self._work_and_repair(given)
        async with aclosing(turns):
            async for event in turns:
                yield event
        for event in self._read_rollout():
            yield event
        if failure := self._items.commands.find_failure():
            state = self._thread.rollout.make_state(note=MENDED)
            yield events.CheckpointReached(state)
            raise failure
        result = self._items.text
        if not result:
            cause = find_cause_of_silence(self._items.thought)
            raise make_failure(cause, self._endpoint, NOTHING_READABLE)
        if not (self._output and await self._output.describe_problems(result)):
            yield events.CheckpointReached(
                self._thread.rollout.make_state(result=result)
            )
        yield events.Finished(result)

    # --- Turns ---

    async def _work_and_repair(self, given: list[JSON]) -> AsyncGenerator[Event, None]:
        """Let it work to its end, and then mend its result, once a run."""
        for _ in range(2):
            turns = self._take_turns(given)
            async with aclosing(turns):
                async for event in turns:
                    yield event
            if not self._output or not (
                problems := await self._output.describe_problems(self._items.text)
            ):
                return
            given = [make_text_item(problems)]

    async def _take_turns(self, given: list[JSON]) -> AsyncGenerator[Event, None]:
        while True:
            turn = self._take_turn(given)
            async with aclosing(turn):
                async for event in turn:
                    yield event
            ended, self._turn = self._turn, {}
            is_done = ended["status"] == "completed"
            self._messages.end_turn(is_done=is_done)
            if ended.get("error"):
                for event in self._requests.end_failed():
                    yield event
            given = []  # it goes on with what it has
            if is_done and not self._messages.has_any:
                return
            if not is_done:
                delay, reason = self._failures.choose_delay(ended.get("error") or {})
                yield events.Retrying(f"{reason}; next try in {delay:.0f} s", delay)
                await asyncio.sleep(delay)

    async def _take_turn(self, given: list[JSON]) -> AsyncGenerator[Event, None]:
        messages, line_id = self._messages.take()
        more = {"clientUserMessageId": line_id} if line_id else {}
        yield self._requests.open([*given, *messages])
        started = await self._thread.call(
            "turn/start",
            input=[*given, *messages],
            **more,
            **self._thread.turn_settings,
        )
        self._turn = started["turn"]
        while self._turn["status"] == "inProgress":
            taking = self._take_message()
            async with aclosing(taking):
                async for event in taking:
                    yield event
        await self._approvals.forget_all()
        late = self._await_late_results()
        async with aclosing(late):
            async for event in late:
                yield event

    async def _take_message(self) -> AsyncGenerator[Event, None]:
        """Take in one thing that Codex says, and what is in the rollout by then."""
        method, params, request_id = await self._get_next_message()
        if request_id is not None:
            asked = self._take_request(request_id, method, params)
            async with aclosing(asked):
                async for event in asked:
                    yield event
        elif params.get("threadId") == self._thread.rollout.thread_id:
            for event in self._read_notification(method, params):
                yield event
            if method == "serverRequest/resolved":
                await self._approvals.forget(params["requestId"])
        for event in self._read_rollout():
            yield event
        await self._messages.steer(self._turn["id"])
        if due := self._approvals.take_due(self._thread.rollout):
            self._thread.rollout.check_limit(self._assignment.max_turns)
            self._approvals.ask(due, self._thread.rollout)

    async def _get_next_message(self) -> Message:
        seconds = POLL_SECONDS if self._approvals.has_unasked else None
        try:
            async with asyncio.timeout(seconds):
                message = await self._inbox.get()
        except TimeoutError:
            return IDLE
        if not message[0]:
            raise Gone("it has ended")
        return message

    def _read_notification(self, method: str, params: JSON) -> Iterator[Event]:
        self._requests.note_reply(method, params)
        match method:
            case (
                "item/agentMessage/delta"
                | "item/reasoning/summaryTextDelta"
                | "item/reasoning/textDelta"
            ):
                is_message = method == "item/agentMessage/delta"
                item_id, delta = params["itemId"], params["delta"]
                yield from self._items.show_growth(
                    item_id, delta, is_message=is_message
                )
            case "item/started":
                self._items.note_item(params["item"])
            case "item/completed":
                yield from self._items.complete(params["item"])
            case "thread/tokenUsage/updated":
                yield from self._read_results()
            case "warning":
                yield events.Notice(f"Codex warns: {params.get('message')}"[:1_000])
            case "turn/completed" if params["turn"]["id"] == self._turn.get("id"):
                self._turn = params["turn"]

    def _read_rollout(self) -> Iterator[Event]:
        updates = self._thread.rollout.read_new()
        yield from updates.used
        if self._thread.rollout.is_asking_again:
            yield self._requests.open()
        if updates.used:
            self._failures.reset()
        self._answered += updates.answered
        if updates.lines or updates.delivered:
            yield events.CheckpointReached(
                self._thread.rollout.make_state(),
                updates.lines,
                will_continue=updates.calls_tools,
                delivered=tuple(updates.delivered),
            )
        if updates.calls_tools:
            self._thread.rollout.check_limit(self._assignment.max_turns)

    def _read_results(self) -> Iterator[Event]:
        answered, self._answered = self._answered, []
        for call in answered:
            yield from self._items.take_output(call, self._turn["id"])

    async def _await_late_results(self) -> AsyncGenerator[Event, None]:
        """End what still runs when the agent is done, and hear what comes of it."""
        for event in (*self._read_rollout(), *self._read_results()):
            yield event
        if self._items.has_open:
            await self._thread.end_commands()
        while self._items.has_open and (message := await self._get_late_message()):
            for event in self._read_notification(message[0], message[1]):
                yield event
        for event in self._items.close():
            yield event

    async def _get_late_message(self) -> Message | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LATE_SECONDS):
                message = await self._inbox.get()
                return message if message[0] else None
        return None

    # --- Questions ---

    async def _take_request(
        self, request_id: int | str, method: str, params: JSON
    ) -> AsyncGenerator[Event, None]:
        """Take a request of Codex, or answer one that is decided."""
        if method != DECIDED:
            self._approvals.add(ApprovalRequest(request_id, method, params))
        elif asked := self._approvals.take_decided(request_id):
            request, reply = asked[0], await asked[1]
            replying = send_reply(
                self._thread, self._items, request, reply, turn_id=self._turn["id"]
            )
            async with aclosing(replying):
                async for event in replying:
                    yield event
