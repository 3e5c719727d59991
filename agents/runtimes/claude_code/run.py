"""One run of the CLI, from its start to the end of all it started."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from claude_agent_sdk import (
    ClaudeSDKClient,
    ClaudeSDKError,
    ProcessError,
    ResultMessage,
    SystemMessage,
)

from agents.protocol import events
from agents.protocol.cancellation import in_thread, to_the_end
from agents.protocol.events import Event
from agents.protocol.runtime import (
    AgentKilled,
    AskPermission,
    Assignment,
    RuntimeFailed,
    ended_by_itself,
)
from agents.protocol.structured_output import StructuredOutput
from agents.providers import embedded
from agents.providers.anthropic import AnthropicEndpoint
from agents.providers.causes import cause_of_silence, is_blank
from agents.providers.connections import get_read_seconds
from agents.providers.failures import failed
from agents.providers.retries import RetryPolicy
from agents.runtimes.claude_cli import write_launcher
from agents.runtimes.claude_code import options as cli
from agents.runtimes.claude_code import outcome
from agents.runtimes.claude_code.gateway import Gateway
from agents.runtimes.claude_code.messages import HandingOver
from agents.runtimes.claude_code.metering import Meter
from agents.runtimes.claude_code.permission_hooks import PermissionHooks
from agents.runtimes.claude_code.reading import Reader
from agents.runtimes.claude_code.session import STARTING_AFRESH, KeptSession
from agents.workspaces import sandbox
from tasks.files.workspace import Workspace

START_SECONDS = 60
INTERRUPT_SECONDS = 1.5


class AgentRun:
    def __init__(
        self,
        assignment: Assignment,
        ask: AskPermission,
        endpoint: AnthropicEndpoint,
        session: KeptSession,
        policy: RetryPolicy,
    ) -> None:
        self._assignment = assignment
        self._endpoint = endpoint
        self._session = session
        self._policy = policy
        self._workspace = Workspace(assignment.workspace)
        self._reader = Reader(model=endpoint.model)
        schema = assignment.output_schema
        self._output = None if schema is None else StructuredOutput(schema)
        # Read by us alone, and never full: the SDK stops reading when nobody takes what
        # it has read, and then neither answers nor interrupts get through.
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        meter = Meter(
            assignment,
            endpoint,
            report=self._events.put_nowait,
            is_booked=self._events.join,
            checkpoint=lambda: session.checkpoint(will_continue=True),
        )
        self._gateway = Gateway(endpoint, meter, answer_seconds=get_read_seconds())
        self._desk = PermissionHooks(
            ask,
            self._workspace,
            self._reader,
            meter,
            self._events,
            session.has_told_of,
        )
        self._messages = HandingOver(assignment.inbox, session)
        self._result: ResultMessage | None = None
        self._stderr: list[str] = []
        session.report_to(self._events.put_nowait)

    async def perform(self, starting: asyncio.Semaphore) -> AsyncGenerator[Event, None]:
        if self._endpoint.is_embedded:
            yield events.Notice(embedded.NOTICE)
        # Before the process is there, so that its session can always be looked for.
        yield self._session.checkpoint()
        await in_thread(sandbox.find_bubblewrap)
        confinement = await in_thread(
            sandbox.confine, self._workspace.root, has_network=self._assignment.network
        )
        try:
            async with (
                self._gateway.open(Path(confinement.scratch) / cli.SOCKET),
                aclosing(self._in(confinement, starting)) as performance,
            ):
                async for event in performance:
                    yield event
        finally:
            await to_the_end(asyncio.to_thread(confinement.end, None))
        text = self._outcome()
        if not (self._output and self._output.repair(text)):
            self._session.result = text
            yield self._session.checkpoint()
        yield events.Finished(text)

    async def _in(
        self, confinement: sandbox.Confinement, starting: asyncio.Semaphore
    ) -> AsyncGenerator[Event, None]:
        client = await self._started(confinement, starting)
        if client is None:
            yield events.Notice(STARTING_AFRESH)
            self._session.begin_again()
            yield self._session.checkpoint()
            client = await self._started(confinement, starting)
            if client is None:
                raise self._not_started("its new session was not found")
        reading = asyncio.create_task(self._read(client))
        telling = asyncio.create_task(self._messages.watch(client))
        try:
            while (event := await self._next(reading)) is not None:
                yield event
                self._events.task_done()
        finally:
            telling.cancel()
            await to_the_end(self._stopped(client, reading, confinement))
        config, workspace = _config(confinement), self._workspace.root
        self._session.keep(await in_thread(self._session.written, config, workspace))
        while not self._events.empty():  # what came while it was stopped
            yield self._events.get_nowait()
        try:
            await reading
        except ProcessError as error:
            said = f"Claude Code's process ended unexpectedly: {error}."
            raise ended_by_itself(said, error.exit_code) from error

    # --- Starting ----------------------------------------------------------------------

    async def _started(
        self, confinement: sandbox.Confinement, starting: asyncio.Semaphore
    ) -> ClaudeSDKClient | None:
        """Start the CLI and give it its prompt; None: it cannot read the session."""
        client = ClaudeSDKClient(await in_thread(self._options, confinement))
        async with starting:
            try:
                async with asyncio.timeout(START_SECONDS):
                    await client.connect()
                    await self._messages.open(client, self._assignment)
                return client
            except TimeoutError:
                failure: Exception = self._not_started(f"silent for {START_SECONDS} s")
            except ClaudeSDKError as error:
                failure = error
            except BaseException:  # a cancel too: the process is not to be left behind
                await to_the_end(self._disconnected(client, confinement))
                raise
        await to_the_end(self._disconnected(client, confinement))
        if "No conversation found" in f"{failure} {getattr(failure, 'errors', '')}":
            return None
        if isinstance(failure, RuntimeFailed):
            raise failure
        said = self._not_started(str(failure))
        raise ended_by_itself(str(said), _exit_code_of(failure)) from failure

    def _options(self, confinement: sandbox.Confinement) -> Any:
        # The CLI tries again itself, so often less one as we would.
        variables = cli.environment(
            confinement,
            self._endpoint,
            retries=self._policy.tries - 1,
            has_schema=self._assignment.output_schema is not None,
        )
        if self._session.lines:
            self._session.lay_down(_config(confinement), self._workspace.root)
        options = cli.options(
            self._assignment,
            self._endpoint,
            self._session,
            launcher=write_launcher(confinement, [*variables, *cli.OF_THE_SDK]),
            variables=variables,
        )
        confinement.hand_over()
        options.can_use_tool = self._desk.may_use
        options.hooks = self._desk.hooks
        options.stderr = self._heard
        return options

    def _heard(self, line: str) -> None:
        self._stderr = [*self._stderr, line][-20:]

    def _not_started(self, reason: str) -> RuntimeFailed:
        said = " ".join(line.strip() for line in self._stderr)[-500:]
        return RuntimeFailed(
            f"Claude Code did not start: {reason} {said}".strip()
            + ". `manage.py check` tells whether it is installed."
        )

    # --- Reading -----------------------------------------------------------------------

    async def _read(self, client: ClaudeSDKClient) -> None:
        async for message in client.receive_messages():
            if isinstance(message, SystemMessage) and message.subtype == "api_retry":
                outcome.refuse_to_wait(message.data, self._endpoint, self._policy)
            for event in self._reader.read(message):
                self._events.put_nowait(event)
            if isinstance(message, ResultMessage):
                self._result = message
                if self._messages.is_over(message):
                    return

    async def _next(self, reading: asyncio.Task[None]) -> Event | None:
        """Return the next event, None once the CLI has no more to say.

        Raise what it is refused: a request beyond the limits ends the run.
        """
        refusal = self._gateway.refusal
        ends: list[asyncio.Future[Any]] = [reading, refusal]
        getting = asyncio.ensure_future(self._events.get())
        try:
            await asyncio.wait([getting, *ends], return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                return getting.result()
            if refusal.done():
                raise refusal.result()
            return None
        finally:
            getting.cancel()

    # --- Stopping ----------------------------------------------------------------------

    async def _stopped(
        self,
        client: ClaudeSDKClient,
        reading: asyncio.Task[None],
        confinement: sandbox.Confinement,
    ) -> None:
        """End the CLI and all it started, within five seconds."""
        self._desk.is_closed = True
        if not reading.done() or self._messages.has_open:
            with suppress(ClaudeSDKError, TimeoutError):
                async with asyncio.timeout(INTERRUPT_SECONDS):
                    await self._messages.stop(client)
        if not reading.done():
            await asyncio.wait({reading}, timeout=INTERRUPT_SECONDS)
        if not reading.done():
            # It does not hear: without its process the disconnect is quick.
            await asyncio.to_thread(confinement.kill)
            reading.cancel()
            await asyncio.wait({reading})
        await self._disconnected(client, confinement)

    async def _disconnected(
        self, client: ClaudeSDKClient, confinement: sandbox.Confinement
    ) -> None:
        # Once, and to its end: broken off, it leaves the process behind.
        leaving = asyncio.ensure_future(client.disconnect())
        _, late = await asyncio.wait({leaving}, timeout=INTERRUPT_SECONDS)
        if late:
            await asyncio.to_thread(confinement.kill)
        with suppress(ClaudeSDKError):
            await leaving

    def _outcome(self) -> str:
        if self._result is None:
            raise AgentKilled("Claude Code ended without a result.")
        if (given := self._reader.result) and self._output:
            return json.dumps(given, ensure_ascii=False)
        if self._endpoint.is_embedded and self._reader.text:
            return self._reader.text  # cut or not, it is what this model has to say
        failure = outcome.failure_of(
            self._result,
            self._endpoint,
            max_turns=self._assignment.max_turns,
            error=self._reader.error,
            opens_at=self._reader.opens_at,
            policy=self._policy,
        )
        if failure := failure or self._reader.commands.failure():
            raise failure
        text = self._result.result or ""
        if is_blank(text):
            raise failed(cause_of_silence(self._reader.thought), self._endpoint)
        return text


def _exit_code_of(failure: Exception) -> int | None:
    """Return how the process ended, if that is what failed: some errors only say it."""
    if isinstance(failure, ProcessError):
        return failure.exit_code
    said = re.search(r"exit code: (-?\d+)", str(failure))
    return int(said[1]) if said else None


def _config(confinement: sandbox.Confinement) -> Path:
    """Return the CLI's own folder, which is gone with the run."""
    return Path(confinement.scratch) / "config"
