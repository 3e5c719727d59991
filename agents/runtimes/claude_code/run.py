"""One run of the CLI, from its start to the end of all it started."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from claude_agent_sdk import (
    ClaudeSDKClient,
    ProcessError,
    ResultMessage,
    SystemMessage,
)

from agents.protocol import events
from agents.protocol.cancellation import run_in_thread, run_to_end
from agents.protocol.events import Event
from agents.protocol.runtime import (
    AgentKilled,
    AskPermission,
    Assignment,
    make_process_failure,
)
from agents.protocol.structured_output import StructuredOutput
from agents.providers import embedded
from agents.providers.anthropic import AnthropicEndpoint
from agents.providers.causes import find_cause_of_silence, is_blank
from agents.providers.connections import get_read_seconds
from agents.providers.failures import make_failure
from agents.providers.retries import RetryPolicy
from agents.runtimes.claude_code import outcome
from agents.runtimes.claude_code.gateway import Gateway
from agents.runtimes.claude_code.messages import MessageSender
from agents.runtimes.claude_code.metering import Meter
from agents.runtimes.claude_code.permission_hooks import PermissionHooks
from agents.runtimes.claude_code.process import CLIProcess
from agents.runtimes.claude_code.reading import Reader
from agents.runtimes.claude_code.session import STARTING_AFRESH, KeptSession
from agents.runtimes.claude_environment import SOCKET
from agents.workspaces import sandbox
from tasks.files.workspace import Workspace


class AgentRun:
    """One run of Claude Code: its process, gateway, permissions and messages together."""

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
            checkpoint=lambda: session.make_checkpoint(will_continue=True),
        )
        self._gateway = Gateway(endpoint, meter, answer_seconds=get_read_seconds())
        self._hooks = PermissionHooks(
            ask,
            self._workspace,
            self._reader,
            meter,
            self._events,
            session.wait_for_call,
        )
        self._messages = MessageSender(assignment.inbox, session)
        self._result: ResultMessage | None = None
        session.set_listener(self._events.put_nowait)

    async def perform(self, starting: asyncio.Semaphore) -> AsyncGenerator[Event, None]:
        if self._endpoint.is_embedded:
            yield events.Notice(embedded.NOTICE)
        # Before the process is there, so that its session can always be looked for.
        yield self._session.make_checkpoint()
        await run_in_thread(sandbox.find_bubblewrap)
        confinement = await run_in_thread(
            sandbox.confine, self._workspace.root, has_network=self._assignment.network
        )
        try:
            async with (
                self._gateway.open(Path(confinement.scratch) / SOCKET),
                aclosing(self._perform_confined(confinement, starting)) as performance,
            ):
                async for event in performance:
                    yield event
        finally:
            await run_to_end(asyncio.to_thread(confinement.end, None))
        text = self._find_result()
        if not (self._output and await self._output.describe_problems(text)):
            self._session.result = text
            yield self._session.make_checkpoint()
        yield events.Finished(text)

    async def _perform_confined(
        self, confinement: sandbox.Confinement, starting: asyncio.Semaphore
    ) -> AsyncGenerator[Event, None]:
        process = CLIProcess(
            self._assignment,
            self._endpoint,
            self._session,
            confinement,
            hooks=self._hooks,
            messages=self._messages,
            retries=self._policy.tries - 1,  # its first try is none of them
        )
        client = await process.start(starting)
        if client is None:
            yield events.Notice(STARTING_AFRESH)
            self._session.begin_again()
            yield self._session.make_checkpoint()
            client = await process.start(starting)
            if client is None:
                raise process.make_start_failure("its new session was not found")
        reading = asyncio.create_task(self._read(client))
        sending = asyncio.create_task(self._messages.send_arriving(client))
        try:
            while (event := await self._get_next_event(reading)) is not None:
                yield event
                self._events.task_done()
        finally:
            sending.cancel()
            await run_to_end(process.stop(client, reading))
        self._session.keep(
            await run_in_thread(
                self._session.read_transcript,
                process.config_folder,
                self._workspace.root,
            )
        )
        while not self._events.empty():  # what came while it was stopped
            yield self._events.get_nowait()
        try:
            await reading
        except ProcessError as error:
            sentence = f"Claude Code's process ended unexpectedly: {error}."
            raise make_process_failure(sentence, error.exit_code) from error

    # --- Reading -----------------------------------------------------------------------

    async def _read(self, client: ClaudeSDKClient) -> None:
        async for message in client.receive_messages():
            if isinstance(message, SystemMessage) and message.subtype == "api_retry":
                outcome.refuse_to_wait(message.data, self._endpoint, self._policy)
            for event in self._reader.read(message):
                self._events.put_nowait(event)
            if isinstance(message, ResultMessage):
                self._result = message
                if self._messages.is_last(message):
                    return

    async def _get_next_event(self, reading: asyncio.Task[None]) -> Event | None:
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

    def _find_result(self) -> str:
        if self._result is None:
            raise AgentKilled("Claude Code ended without a result.")
        if (given := self._reader.result) and self._output:
            return json.dumps(given, ensure_ascii=False)
        if self._endpoint.is_embedded and self._reader.text:
            return self._reader.text  # cut or not, it is what this model has to say
        failure = outcome.find_failure(
            self._result,
            self._endpoint,
            max_turns=self._assignment.max_turns,
            error=self._reader.error,
            opens_at=self._reader.opens_at,
            policy=self._policy,
        )
        if failure := failure or self._reader.commands.find_failure():
            raise failure
        text = self._result.result or ""
        if is_blank(text):
            raise make_failure(
                find_cause_of_silence(self._reader.thought), self._endpoint
            )
        return text
