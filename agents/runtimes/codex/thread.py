"""A conversation with Codex and the process that leads it, from the start to the very end."""

import asyncio
from contextlib import suppress
from pathlib import Path

from agents.protocol.events import JSON
from agents.protocol.runtime import Assignment, RuntimeFailed
from agents.protocol.structured_output import StructuredOutput
from agents.providers.openai import OpenAIEndpoint
from agents.runtimes.codex.app_server import AppServer, CallRefused, Gone
from agents.runtimes.codex.approvals import ASK_HUMAN_TOOL
from agents.runtimes.codex.home import PERMISSIONS, PROVIDER, make_home
from agents.runtimes.codex.rollout import Rollout
from agents.workspaces import processes
from tasks.catalog.json_schemas import is_strict

POLICY = "untrusted"  # by which it asks before every command and every patch
# With what the process is given to exit, less than five seconds in all.
STOP_SECONDS = 0.5
INTERRUPTED = (
    "This conversation was interrupted. Of a tool call without a real output the outcome is"
    " unknown: it may or may not have been carried out. Look before you repeat it."
)


class Thread:
    """A conversation with Codex, the process that leads it and the rollout that keeps it."""

    def __init__(
        self, assignment: Assignment, endpoint: OpenAIEndpoint, homes: Path
    ) -> None:
        self.server = AppServer()
        self.rollout = Rollout(provider=endpoint.provider, model=endpoint.model)
        self.notice = (
            ""  # what a person should know of how it was opened; mostly nothing
        )
        self.goes_on = False  # it was taken up in the middle of its work
        self._assignment = assignment
        self._endpoint = endpoint
        self._home = make_home(
            assignment.workspace, homes, has_network=assignment.network
        )

    async def open(self) -> list[JSON]:
        """Start the process, begin or take up the conversation; return what to say first."""
        await asyncio.to_thread(self._home.create, self._endpoint)
        is_taken_up = self._restore_rollout()
        await asyncio.to_thread(self._home.hand_over)
        await self.server.start(
            await asyncio.to_thread(self._make_command),
            cwd=self._assignment.workspace,
            environment=self._home.make_environment(self._endpoint),
        )
        if is_taken_up and await self._resume():
            kept = self._assignment.checkpoint
            self.goes_on = kept is not None and kept.state.get("result") is None
            note_of_interruption = INTERRUPTED + self._assignment.reminder
            if self.rollout.open_calls:
                return [make_text_item(note_of_interruption)]
            note = kept.state.get("note") if kept else ""
            return [make_text_item(note)] if note else []
        started = await self._open("start", dynamicTools=[ASK_HUMAN_TOOL])
        self.rollout.begin(self._home.folder, started["thread"])
        return [make_text_item(self._assignment.prompt + self._make_instruction())]

    def _make_instruction(self) -> str:
        schema = self._assignment.output_schema
        return "" if schema is None else StructuredOutput(schema).instruction

    @property
    def turn_settings(self) -> JSON:
        """What is said anew with each turn: how hard to think, and the schema of the result.

        The schema is the Responses API's, which takes a part of the language and refuses all
        else; for what it refuses, the prompt describes the schema.
        """
        settings: JSON = {}
        if self._assignment.effort:
            settings["effort"] = self._assignment.effort
        schema = self._assignment.output_schema
        if schema and is_strict(schema):
            settings["outputSchema"] = schema
        return settings

    @property
    def marker(self) -> str:
        return self._home.marker

    async def call(self, method: str, **params: object) -> JSON:
        return await self.server.call(
            method, {"threadId": self.rollout.thread_id, **params}
        )

    async def end_commands(self) -> None:
        """End the commands that still run."""
        await self._try("thread/backgroundTerminals/clean")

    async def stop(self, turn_id: str | None) -> None:
        """End all that was started, and remove all that was laid out."""
        if turn_id:
            await self._try("turn/interrupt", turnId=turn_id)
            await self.end_commands()
        await self.server.close()
        self._remember_unreported_usage()
        marker, pid = self._home.marker, self.server.pid
        await asyncio.to_thread(processes.kill_marked, marker, pid)
        await asyncio.to_thread(self._home.remove)

    def _make_command(self) -> list[str]:
        return self._home.make_command("app-server", provider=self._endpoint.url)

    def _remember_unreported_usage(self) -> None:
        if self.rollout.has_begun:
            for used in self.rollout.read_new().used:
                self._assignment.spending.remember_usage(used)

    def _restore_rollout(self) -> bool:
        """Put what was kept where Codex will look for it, if it is fit for that."""
        if (kept := self._assignment.checkpoint) is None:
            return False
        provider, model = self._endpoint.provider, self._endpoint.model
        rollout = Rollout.restore(kept, provider=provider, model=model)
        if rollout is None:
            self._start_afresh("it cannot be read")
            return False
        self.rollout = rollout
        rollout.write_kept(self._home.folder)
        return True

    async def _resume(self) -> bool:
        try:
            await self._open(
                "resume", threadId=self.rollout.thread_id, excludeTurns=True
            )
        except CallRefused as error:
            self._start_afresh(str(error))
            return False
        return True

    def _start_afresh(self, reason: str) -> None:
        kept = self._assignment.checkpoint
        self.notice = (
            f"Codex cannot go on from what was kept ({reason[:300]}): starting afresh."
        )
        self.rollout = Rollout(
            provider=self._endpoint.provider,
            model=self._endpoint.model,
            skipped=len(kept.items) if kept else 0,
        )

    async def _open(self, verb: str, **more: object) -> JSON:
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
        opened = await self.server.call(f"thread/{verb}", {**given, **more})
        profile = (opened.get("activePermissionProfile") or {}).get("id")
        if (opened.get("approvalPolicy"), profile) != (POLICY, PERMISSIONS):
            raise RuntimeFailed(
                "Codex does not take the permissions that it is given: nothing was run."
                " Install the version of it that this server names (pip install '.[codex]')."
            )
        return opened

    async def _try(self, method: str, **params: object) -> None:
        given = {"threadId": self.rollout.thread_id, **params}
        with suppress(CallRefused, Gone):
            await self.server.call(method, given, seconds=STOP_SECONDS)


def make_text_item(content: str) -> JSON:
    return {"type": "text", "text": content}
