"""The CLI's process in one run: started with its prompt, interrupted, ended with all it started."""

import asyncio
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from claude_agent_sdk import ClaudeSDKClient, ClaudeSDKError, ProcessError

from agents.protocol.cancellation import run_in_thread, run_to_end
from agents.protocol.runtime import Assignment, RuntimeFailed, make_process_failure
from agents.providers.anthropic import AnthropicEndpoint
from agents.runtimes.claude_cli import write_launcher
from agents.runtimes.claude_code import options as cli
from agents.runtimes.claude_code.messages import MessageSender
from agents.runtimes.claude_code.permission_hooks import PermissionHooks
from agents.runtimes.claude_code.session import KeptSession
from agents.runtimes.claude_environment import OF_THE_SDK, make_environment
from agents.workspaces.sandbox import Confinement
from tasks.files.workspace import Workspace

START_SECONDS = 60
INTERRUPT_SECONDS = 1.5


class CLIProcess:
    """One process of the CLI in its confinement, driven by the SDK's client."""

    def __init__(
        self,
        assignment: Assignment,
        endpoint: AnthropicEndpoint,
        session: KeptSession,
        confinement: Confinement,
        *,
        hooks: PermissionHooks,
        messages: MessageSender,
        retries: int,
    ) -> None:
        """`retries`: how often the CLI itself sends a request again."""
        self._assignment = assignment
        self._endpoint = endpoint
        self._session = session
        self._confinement = confinement
        self._hooks = hooks
        self._messages = messages
        self._retries = retries
        self._stderr: list[str] = []

    @property
    def config_folder(self) -> Path:
        """The CLI's own folder, which is removed with the run."""
        return Path(self._confinement.scratch) / "config"

    async def start(self, starting: asyncio.Semaphore) -> ClaudeSDKClient | None:
        """Start the CLI and give it its prompt; None: it cannot read the session."""
        client = ClaudeSDKClient(await run_in_thread(self._make_options))
        async with starting:
            try:
                async with asyncio.timeout(START_SECONDS):
                    await client.connect()
                    await self._messages.send_prompt(client, self._assignment)
                return client
            except TimeoutError:
                failure: Exception = self.make_start_failure(
                    f"silent for {START_SECONDS} s"
                )
            except ClaudeSDKError as error:
                failure = error
            except BaseException:  # a cancel too: the process is not to be left behind
                await run_to_end(self._disconnect(client))
                raise
        await run_to_end(self._disconnect(client))
        if "No conversation found" in f"{failure} {getattr(failure, 'errors', '')}":
            return None
        if isinstance(failure, RuntimeFailed):
            raise failure
        start_failure = self.make_start_failure(str(failure))
        raise make_process_failure(
            str(start_failure), _read_exit_code(failure)
        ) from failure

    def make_start_failure(self, reason: str) -> RuntimeFailed:
        """Return the failure of a CLI that did not start, with the end of its stderr."""
        stderr = " ".join(line.strip() for line in self._stderr)[-500:]
        return RuntimeFailed(
            f"Claude Code did not start: {reason} {stderr}".strip()
            + ". `manage.py check` tells whether it is installed."
        )

    async def stop(self, client: ClaudeSDKClient, reading: asyncio.Task[None]) -> None:
        """End the CLI and all it started, within five seconds.

        `reading` is the task that reads its messages: it ends with the CLI.
        """
        self._hooks.is_closed = True
        if not reading.done() or self._messages.has_open:
            with suppress(ClaudeSDKError, TimeoutError):
                async with asyncio.timeout(INTERRUPT_SECONDS):
                    await self._messages.interrupt(client)
        if not reading.done():
            await asyncio.wait({reading}, timeout=INTERRUPT_SECONDS)
        if not reading.done():
            # It does not react: without its process the disconnect is quick.
            await asyncio.to_thread(self._confinement.kill)
            reading.cancel()
            await asyncio.wait({reading})
        await self._disconnect(client)

    async def _disconnect(self, client: ClaudeSDKClient) -> None:
        # Once, and to its end: broken off, it leaves the process behind.
        leaving = asyncio.ensure_future(client.disconnect())
        _, late = await asyncio.wait({leaving}, timeout=INTERRUPT_SECONDS)
        if late:
            await asyncio.to_thread(self._confinement.kill)
        with suppress(ClaudeSDKError):
            await leaving

    def _make_options(self) -> Any:
        variables = make_environment(
            self._confinement,
            self._endpoint,
            retries=self._retries,
            has_schema=self._assignment.output_schema is not None,
        )
        if self._session.lines:
            self._session.write_transcript(
                self.config_folder, Workspace(self._assignment.workspace).root
            )
        options = cli.make_options(
            self._assignment,
            self._endpoint,
            self._session,
            launcher=write_launcher(self._confinement, [*variables, *OF_THE_SDK]),
            variables=variables,
        )
        self._confinement.hand_over()
        options.can_use_tool = self._hooks.can_use_tool
        options.hooks = self._hooks.hooks
        options.stderr = self._keep_stderr
        return options

    def _keep_stderr(self, line: str) -> None:
        self._stderr = [*self._stderr, line][-20:]


def _read_exit_code(failure: Exception) -> int | None:
    """Return how the process ended, if that is what failed: some errors only say it."""
    if isinstance(failure, ProcessError):
        return failure.exit_code
    found = re.search(r"exit code: (-?\d+)", str(failure))
    return int(found[1]) if found else None
