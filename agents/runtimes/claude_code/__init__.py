"""Claude Code: Anthropic's coding agent with its own tools, driven by its SDK.

Set up by the same names as the Messages API's runtime: ANTHROPIC_API_KEY or
ANTHROPIC_AUTH_TOKEN, ANTHROPIC_BASE_URL and ANTHROPIC_MODEL.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from agents.protocol import events
from agents.protocol.events import Event
from agents.protocol.runtime import AskPermission, Assignment
from agents.providers.anthropic import AnthropicEndpoint
from agents.providers.retries import RetryPolicy
from agents.runtimes.claude_code.run import AgentRun
from agents.runtimes.claude_code.session import KeptSession

# Each takes a core for a second; more at once start no sooner.
STARTS_AT_ONCE = 2


class ClaudeCode:
    """The runtime: a process of the CLI for every run."""

    def __init__(self, *, policy: RetryPolicy | None = None) -> None:
        self._policy = policy or RetryPolicy()
        self._starts: asyncio.Semaphore | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def perform(
        self, assignment: Assignment, ask: AskPermission
    ) -> AsyncGenerator[Event, None]:
        session, notice = KeptSession.take_up(assignment)
        if notice:
            yield events.Notice(notice)
        if session.result is not None:
            if not assignment.inbox.has_any:  # cut off before it could hand it over
                yield events.Finished(session.result)
                return
            session.reopen()
        endpoint = AnthropicEndpoint.from_environment().with_model(assignment.model)
        run = AgentRun(assignment, ask, endpoint, session, self._policy)
        async with aclosing(run.perform(self._get_start_slots())) as performance:
            async for event in performance:
                yield event

    async def close(self) -> None:
        """Nothing is shared between runs but their turn to start."""

    def _get_start_slots(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        if self._starts is None or self._loop is not loop:
            self._starts, self._loop = asyncio.Semaphore(STARTS_AT_ONCE), loop
        return self._starts
