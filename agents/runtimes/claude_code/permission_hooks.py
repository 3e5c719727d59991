"""What the CLI asks while it works: may it use a tool, and may it go on after that."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from claude_agent_sdk import PermissionResultAllow, PermissionResultDeny

from agents.protocol import events
from agents.protocol.events import JSON, Event
from agents.protocol.runtime import AskPermission, ToolCall
from agents.runtimes.claude_code import calls
from agents.runtimes.claude_code.metering import Meter
from agents.runtimes.claude_code.options import RESULT_TOOL, make_hook_matcher
from agents.runtimes.claude_code.reading import Reader
from tasks.files.workspace import Workspace

KEPT_SECONDS = 2.0  # the CLI hands on its transcript ten times a second


class PermissionHooks:
    """Answers the hooks of one run of the CLI."""

    def __init__(
        self,
        ask: AskPermission,
        workspace: Workspace,
        reader: Reader,
        meter: Meter,
        events_queue: asyncio.Queue[Event],  # what is to be written down first
        wait_for_transcript: Callable[
            [str], Awaitable[None]
        ],  # waits for a call in the transcript
    ) -> None:
        self.is_closed = False  # nobody takes events any more
        self._ask = ask
        self._workspace = workspace
        self._reader = reader
        self._meter = meter
        self._events = events_queue
        self._wait_for_transcript = wait_for_transcript
        self._notes: dict[str, str] = {}  # for the agent, by the call that was allowed

    @property
    def hooks(self) -> Any:
        return {
            # Answers "ask" to every call: else the CLI lets some pass by its own rules.
            "PreToolUse": [make_hook_matcher(self._ask_always)],
            "PostToolUse": [make_hook_matcher(self._wait_for_booking)],
            "PostToolUseFailure": [make_hook_matcher(self._wait_for_booking)],
        }

    async def can_use_tool(self, tool_name: str, tool_input: JSON, context: Any) -> Any:
        # The CLI asks before the answer is whole, and it is known what that cost.
        await self._meter.wait_until_booked(context.agent_id or "")
        if tool_name == RESULT_TOOL:  # with which it says its result, and does nothing
            return PermissionResultAllow()
        call_id = context.tool_use_id or ""
        call = calls.make_call(self._workspace, call_id, tool_name, tool_input)
        decision = await self._ask(call)
        if not decision.is_allowed:
            return self._deny(call, decision.agent_message)
        permitted = calls.make_call(
            self._workspace, call_id, tool_name, decision.tool_input
        )
        if not decision.permits(permitted):
            return self._deny(
                call, f"This is no longer what was allowed: {permitted.message}"
            )
        self._notes[call_id] = decision.agent_message
        self._reader.note_logged_call(call_id, runs=True)
        self._events.put_nowait(
            events.ToolUse(call_id, tool_name, permitted.tool_input, permitted.message)
        )
        if not context.agent_id:  # a helper's transcript is not kept
            await self._wait_until_kept(call_id)
        # It is begun for good: should the worker die now, this decision is used.
        await self._events.join()
        # The file itself: a link may be changed until the tool opens it.
        runs = calls.resolve_path(self._workspace, tool_name, permitted.tool_input)
        return PermissionResultAllow(updated_input=runs if runs != tool_input else None)

    async def _wait_until_kept(self, call_id: str) -> None:
        """Wait until the transcript that we keep has a call, before it is carried out.

        Who takes the run up is events_queue then that its outcome is unknown; else it would be asked
        for and made again.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(KEPT_SECONDS):
                await self._wait_for_transcript(call_id)

    def _deny(self, call: ToolCall, reason: str) -> PermissionResultDeny:
        self._reader.note_logged_call(call.call_id, runs=False)
        self._events.put_nowait(
            events.ToolNotRun(
                call.call_id, call.tool_name, call.tool_input, call.message
            )
        )
        return PermissionResultDeny(message=reason)

    async def _ask_always(self, *hook: Any) -> Any:
        return _make_output(
            "PreToolUse",
            permissionDecision="ask",
            permissionDecisionReason="Stagent decides",
        )

    async def _wait_for_booking(
        self, used: Any, call_id: str | None, context: Any
    ) -> Any:
        """Let all so far be written down, and the budget be checked, before it goes on.

        And pass on what was said to a call when it was allowed.
        """
        if self.is_closed:
            return {}
        await self._events.join()
        note = self._notes.pop(call_id or "", "")
        return (
            _make_output(used["hook_event_name"], additionalContext=note)
            if note
            else {}
        )


def _make_output(event: str, **fields: str) -> JSON:
    return {"hookSpecificOutput": {"hookEventName": event, **fields}}
