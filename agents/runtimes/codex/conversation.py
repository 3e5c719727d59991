"""One run of Codex: a process that is started, told what to do, listened to and ended.

What goes into the log comes from what Codex says; what it used and what is kept to go on
comes from its rollout, which is read after everything that it says. So by the time a tool
call is put to a person, what the request before it used is booked, and a used-up budget or
turn limit has ended the run.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from pathlib import Path

from agents import events, sandbox
from agents.events import JSON, Event
from agents.runtimes.base import AskPermission, Assignment, RuntimeFailed
from agents.runtimes.codex import approvals
from agents.runtimes.codex.app_server import AppServer, CallRefused, Gone
from agents.runtimes.codex.approvals import Question, Reply
from agents.runtimes.codex.failures import failure_of
from agents.runtimes.codex.home import PERMISSIONS, PROVIDER, new_home
from agents.runtimes.codex.items import Items
from agents.runtimes.codex.rollout import Call, Rollout
from agents.runtimes.openai_endpoint import OpenAIEndpoint
from agents.runtimes.wire import RetryPolicy, TurnFailed
from agents.tools.base import to_the_end
from agents.workspace import Workspace

POLICY = "untrusted"  # by which it asks before every command and every patch
# How long to wait for what a request used before its tool calls are put to a person: it is
# known as soon as the answer is whole, and some providers never tell.
SETTLE_SECONDS = 2.0
GLANCE_SECONDS = 0.05
STOP_SECONDS = 1.0
LATE_SECONDS = 2.0
INTERRUPTED = (
    "This conversation was interrupted. Of a tool call without a real output the outcome is"
    " unknown: it may or may not have been carried out. Look before you repeat it."
)
IDLE = ("", {"is": "idle"}, None)


class Conversation:
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
        self._ask = ask
        self._endpoint = endpoint
        self._policy = policy
        self._workspace = Workspace(assignment.workspace)
        self._home = new_home(assignment.workspace, homes)
        self._server = AppServer()
        self._rollout = self._new_rollout()
        self._notice = ""
        self._items = Items()
        self._turn: JSON = {}
        self._failures = 0
        self._answered: list[Call] = []
        self._unasked: list[tuple[float, Question]] = []  # with when to wait no longer
        self._asking: dict[int | str, tuple[Question, asyncio.Task[Reply]]] = {}

    async def run(self) -> AsyncGenerator[Event, None]:
        try:
            work = self._work()
            async with aclosing(work):
                async for event in work:
                    yield event
        except Gone as error:
            said = self._server.last_words
            raise RuntimeFailed(
                f"Codex stopped unexpectedly ({error}{': ' if said else ''}{said})."
                " Resume to go on from here."
            ) from error
        finally:
            await to_the_end(self._stop())

    async def _work(self) -> AsyncGenerator[Event, None]:
        self._home.lay_out(self._endpoint)
        self._take_up()
        await self._server.start(
            self._home.argv,
            cwd=self._assignment.workspace,
            environment=self._home.environment(self._endpoint),
        )
        given = await self._open()
        if self._notice:
            yield events.Notice(self._notice)
        turns = self._turns(given)
        async with aclosing(turns):
            async for event in turns:
                yield event
        text = self._items.text
        lines = self._rollout.grow().lines
        yield events.CheckpointReached(self._rollout.state(result=text), lines)
        yield events.Finished(text)

    # --- Beginning and going on ---

    def _take_up(self) -> None:
        if (kept := self._assignment.checkpoint) is None:
            return
        provider, model = self._endpoint.provider, self._endpoint.model
        rollout = Rollout.restored(kept, provider=provider, model=model)
        if rollout is None:
            self._start_afresh("it cannot be read")
        else:
            self._rollout = rollout
            rollout.lay_down(self._home.folder)

    def _start_afresh(self, reason: str) -> None:
        self._notice = (
            f"Codex cannot go on from what was kept ({reason[:300]}): starting afresh."
        )
        kept = self._assignment.checkpoint
        self._rollout = self._new_rollout(skipped=len(kept.items) if kept else 0)

    def _new_rollout(self, *, skipped: int = 0) -> Rollout:
        provider, model = self._endpoint.provider, self._endpoint.model
        return Rollout(provider=provider, model=model, skipped=skipped)

    async def _open(self) -> list[JSON]:
        """Open the conversation; return what there is to say first."""
        if self._rollout.thread_id:
            try:
                await self._call_thread("resume", threadId=self._rollout.thread_id)
            except CallRefused as error:
                self._start_afresh(str(error))
            else:
                return [_text(INTERRUPTED)] if self._rollout.open_calls else []
        tools = [approvals.ASK_HUMAN_TOOL]
        started = await self._call_thread("start", dynamicTools=tools)
        self._rollout.begin(self._home.folder, started["thread"])
        return [_text(self._assignment.prompt)]

    async def _call_thread(self, verb: str, **more: object) -> JSON:
        """Start or resume the thread, with all settings: none is sure to be kept."""
        given = {
            "cwd": str(self._assignment.workspace),
            "model": self._endpoint.model,
            "modelProvider": PROVIDER,
            "approvalPolicy": POLICY,
            "approvalsReviewer": "user",
            "permissions": PERMISSIONS,
            "developerInstructions": self._assignment.instructions,
        }
        opened = await self._server.call(f"thread/{verb}", {**given, **more})
        profile = (opened.get("activePermissionProfile") or {}).get("id")
        if (opened.get("approvalPolicy"), profile) != (POLICY, PERMISSIONS):
            raise RuntimeFailed(
                "Codex does not take the permissions that it is given: nothing was run."
                " Install the version of it that this server names (pip install '.[codex]')."
            )
        return opened

    # --- Turns ---

    async def _turns(self, given: list[JSON]) -> AsyncGenerator[Event, None]:
        while True:
            turn = self._take_turn(given)
            async with aclosing(turn):
                async for event in turn:
                    yield event
            ended, self._turn = self._turn, {}
            if ended["status"] == "completed":
                return
            delay, reason = self._delay(ended.get("error") or {})
            yield events.Retrying(f"{reason}; next try in {delay:.0f} s", delay)
            await asyncio.sleep(delay)
            given = []  # it goes on with what it has

    def _delay(self, error: JSON) -> tuple[float, str]:
        """Say when to try again and why, or raise what ends the run."""
        failure = failure_of(error, self._endpoint)
        if not isinstance(failure, TurnFailed):
            raise failure
        self._failures += 1
        return self._policy.delay(failure, self._failures), failure.reason

    async def _take_turn(self, given: list[JSON]) -> AsyncGenerator[Event, None]:
        started = await self._call("turn/start", input=given)
        self._turn = started["turn"]
        while self._turn["status"] == "inProgress":
            heard = self._hear()
            async with aclosing(heard):
                async for event in heard:
                    yield event
        self._unasked.clear()
        await self._forget(*self._asking)
        late = self._await_late()
        async with aclosing(late):
            async for event in late:
                yield event

    async def _hear(self) -> AsyncGenerator[Event, None]:
        """Take in one thing that Codex says, and what is in the rollout by then."""
        method, params, request_id = await self._next()
        if method == "decided" and request_id in self._asking:
            decided = self._decided(*self._asking.pop(request_id))
            async with aclosing(decided):
                async for event in decided:
                    yield event
        elif method == "serverRequest/resolved":
            await self._forget(params["requestId"])
        elif request_id is not None:
            self._asked(Question(request_id, method, params))
        elif params.get("threadId") == self._rollout.thread_id:
            for event in self._said(method, params):
                yield event
        for event in self._grown():
            yield event
        self._ask_what_is_due()

    async def _next(self) -> tuple[str, JSON, int | str | None]:
        seconds = None if self._asking else self._policy.turn
        if self._unasked:
            seconds = GLANCE_SECONDS
        try:
            async with asyncio.timeout(seconds):
                message = await self._server.inbox.get()
        except TimeoutError:
            if self._unasked:
                return IDLE
            raise RuntimeFailed(
                f"Codex said nothing for {self._policy.turn:,.0f} s. Resume to try again."
            ) from None
        if not message[0]:
            raise Gone("it has ended")
        return message

    def _said(self, method: str, params: JSON) -> Iterator[Event]:
        match method:
            case "item/agentMessage/delta":
                yield from self._items.grew(params["itemId"], params["delta"])
            case "item/started":
                self._items.started(params["item"])
            case "item/completed":
                yield from self._items.completed(params["item"])
            case "thread/tokenUsage/updated":
                yield from self._results()
            case "warning":
                yield events.Notice(f"Codex warns: {params.get('message')}"[:1_000])
            case "turn/completed" if params["turn"]["id"] == self._turn.get("id"):
                self._turn = params["turn"]

    def _grown(self) -> Iterator[Event]:
        news = self._rollout.grow()
        yield from news.used
        if news.used:
            self._failures = 0
        self._answered += news.answered
        if news.lines:
            yield events.CheckpointReached(
                self._rollout.state(), news.lines, will_continue=news.calls_tools
            )
        if news.calls_tools:
            self._hold_to_the_limit()

    def _hold_to_the_limit(self) -> None:
        limit = self._assignment.max_turns
        if self._rollout.requests >= limit:
            raise RuntimeFailed(
                f"The turn limit of {limit} is reached. Raise maxTurns and resume."
            )

    def _results(self) -> Iterator[Event]:
        answered, self._answered = self._answered, []
        for call in answered:
            yield from self._items.answered(call, self._turn["id"])

    async def _await_late(self) -> AsyncGenerator[Event, None]:
        """End what still runs when the agent is done, and hear what comes of it."""
        for event in (*self._grown(), *self._results()):
            yield event
        if self._items.has_open:
            await self._clean()
        with suppress(TimeoutError):
            async with asyncio.timeout(LATE_SECONDS) as limit:
                while self._items.has_open:
                    method, params, _ = await self._server.inbox.get()
                    if not method:
                        break
                    limit.reschedule(None)  # not while our events are consumed
                    for event in self._said(method, params):
                        yield event
                    limit.reschedule(asyncio.get_running_loop().time() + LATE_SECONDS)
        for event in self._items.close():
            yield event

    # --- Questions ---

    def _asked(self, question: Question) -> None:
        wait_until = asyncio.get_running_loop().time() + SETTLE_SECONDS
        self._unasked.append((wait_until, question))

    def _ask_what_is_due(self) -> None:
        now = asyncio.get_running_loop().time()
        waiting, self._unasked = self._unasked, []
        for wait_until, question in waiting:
            call = self._rollout.calls.get(question.item_id)
            if now < wait_until and not (call and call.is_settled):
                self._unasked.append((wait_until, question))
                continue
            self._hold_to_the_limit()
            self._put_to_a_person(question, call)

    def _put_to_a_person(self, question: Question, call: Call | None) -> None:
        def decided(_: asyncio.Task[Reply]) -> None:
            self._server.inbox.put_nowait(("decided", {}, question.request_id))

        task = asyncio.create_task(self._decide(question, call))
        task.add_done_callback(decided)
        self._asking[question.request_id] = (question, task)

    async def _decide(self, question: Question, call: Call | None) -> Reply:
        calls = approvals.calls_of(
            question,
            call=call,
            item=self._items.items.get(question.item_id, {}),
            workspace=self._workspace,
        )
        decisions = []
        # One after the other: what is allowed always with the first may cover the rest.
        for one in calls:
            decisions.append(await self._ask(one))
            if not decisions[-1].is_allowed:
                break
        if not calls:
            return approvals.refusal()
        return approvals.reply_to(question, calls, decisions)

    async def _decided(
        self, question: Question, task: "asyncio.Task[Reply]"
    ) -> AsyncGenerator[Event, None]:
        reply = await task
        for event in self._consequence(question, reply):
            yield event
        if reply.reason:
            # Before the answer, which has no room for it: the model reads both together.
            reason = _text(f"The user denied this: {reply.reason}")
            with suppress(CallRefused):
                await self._call(
                    "turn/steer", expectedTurnId=self._turn["id"], input=[reason]
                )
        self._server.answer(question.request_id, reply.said, how=reply.how)

    def _consequence(self, question: Question, reply: Reply) -> Iterator[Event]:
        if not reply.calls:
            return
        first = reply.calls[0]
        if reply.is_allowed:
            self._items.begun(question.item_id, question.call_id, first.tool_name)
            tool_input, message = approvals.summary(reply.calls)
            yield events.ToolUse(question.call_id, first.tool_name, tool_input, message)
        else:
            self._items.ended(question.item_id)
            text = f"Denied: {reply.reason}" if reply.reason else "Denied."
            yield events.ToolResult(
                question.call_id, first.tool_name, text, is_error=True
            )

    async def _forget(self, *request_ids: int | str) -> None:
        """Ask no more: Codex no longer waits."""
        forgotten = [self._asking.pop(one, None) for one in request_ids]
        tasks = [asking[1] for asking in forgotten if asking]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- The end ---

    async def _call(
        self, method: str, *, seconds: float | None = None, **params: object
    ) -> JSON:
        given = {"threadId": self._rollout.thread_id, **params}
        if seconds is None:
            return await self._server.call(method, given)
        return await self._server.call(method, given, seconds=seconds)

    async def _clean(self) -> None:
        with suppress(CallRefused, Gone):
            await self._call("thread/backgroundTerminals/clean", seconds=STOP_SECONDS)

    async def _stop(self) -> None:
        """End all that was started, and remove all that was laid out."""
        await self._forget(*self._asking)
        if turn_id := self._turn.get("id"):
            with suppress(CallRefused, Gone):
                await self._call("turn/interrupt", turnId=turn_id, seconds=STOP_SECONDS)
            await self._clean()
        await self._server.close()
        await asyncio.to_thread(
            sandbox.kill_marked, self._home.marker, self._server.pid
        )
        await asyncio.to_thread(self._home.remove)


def _text(text: str) -> JSON:
    return {"type": "text", "text": text}
