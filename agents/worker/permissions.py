"""The gate that each tool call of a run passes: a rule decides, else a person is asked."""

import asyncio

from agents.protocol.runtime import Decision, ToolCall
from agents.worker.database import retry_until_written
from agents.worker.permission_requests import Question, RunRequests
from agents.worker.recorder import Recorder
from agents.worker.tool_rules import ToolRules
from tasks.catalog import Profile


class Gate:
    """Decides what the agent of one run may do.

    A call that no rule decides waits for a person as long as it takes. The worker calls
    `wake` when one of `waiting_for` may have been decided.
    """

    def __init__(self, recorder: Recorder, profile: Profile) -> None:
        self.recorder = recorder
        # Set when the whole run stops: its requests stay open, for the run that follows
        # asks the same.
        self.is_stopping = False
        self._requests = RunRequests(recorder, ToolRules(recorder.task_id, profile))
        self._pending: set[str] = set()
        self._woken = asyncio.Condition()
        self._wake_ups = 0

    @property
    def waiting_for(self) -> list[str]:
        """The ids of the pending requests: an agent may make several calls at once."""
        return list(self._pending)

    async def wake(self) -> None:
        """Let every waiting call read again whether its request has been decided."""
        self._wake_ups += 1
        async with self._woken:
            self._woken.notify_all()

    async def ask(self, call: ToolCall) -> Decision:
        """Return the decision for `call`: a rule's, or a person's, however long it takes."""
        question = Question(call)
        decision = await retry_until_written(self._requests.decide_or_request, question)
        return decision or await self._wait_for_decision(question)

    async def _wait_for_decision(self, question: Question) -> Decision:
        request_id = question.request_id
        self._pending.add(request_id)
        try:
            while True:
                # Counted before reading, so that a wake-up during the read is not missed.
                wake_ups = self._wake_ups
                if decision := await retry_until_written(
                    self._requests.read_decision, request_id, question.call
                ):
                    return decision
                await self._wait_for_wake_up(wake_ups)
        except asyncio.CancelledError:
            if not self.is_stopping:  # only this call was cancelled, by its agent
                await retry_until_written(self._requests.withdraw, request_id)
            raise
        finally:
            self._pending.discard(request_id)

    async def _wait_for_wake_up(self, seen: int) -> None:
        async with self._woken:
            await self._woken.wait_for(lambda: self._wake_ups != seen)


class ClosedGate(Gate):
    """Denies everything, and asks nobody: only an answer is wanted."""

    async def ask(self, call: ToolCall) -> Decision:
        return Decision(
            False, call.tool_input, "No tool can be used here: answer only."
        )
