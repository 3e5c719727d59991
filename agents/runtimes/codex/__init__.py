"""OpenAI's coding agent with its own tools: a `codex app-server` process for every run.

Set up by the names that OpenAI's own SDK uses: OPENAI_API_KEY, OPENAI_BASE_URL (any server
that speaks the Responses API) and OPENAI_MODEL. Every command and every patch goes through
our permissions; what they can reach is up to Codex's own sandbox. See docs/codex.md.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from agents.protocol.cancellation import run_in_thread
from agents.protocol.events import Event, Finished
from agents.protocol.runtime import AskPermission, Assignment, RuntimeFailed
from agents.providers.openai import OpenAIEndpoint
from agents.providers.retries import RetryPolicy
from agents.runtimes.codex.conversation import Conversation
from agents.workspaces import probes, sandbox

__all__ = ["Codex"]


class Codex:
    """The runtime: a process of Codex for every run."""

    def __init__(
        self, *, policy: RetryPolicy | None = None, homes: Path | None = None
    ) -> None:
        self._policy = policy or RetryPolicy()
        self._homes = homes

    async def perform(
        self, assignment: Assignment, ask: AskPermission
    ) -> AsyncGenerator[Event, None]:
        kept = assignment.checkpoint
        result = kept.state.get("result") if kept else None
        if result is not None and not assignment.inbox.has_any:
            yield Finished(str(result))
            return
        reason, fix = await run_in_thread(probes.CODEX.find_obstacle)
        if reason:
            raise RuntimeFailed(f"{reason} {fix}")
        conversation = Conversation(
            assignment,
            ask,
            endpoint=OpenAIEndpoint.from_environment().with_model(assignment.model),
            policy=self._policy,
            homes=self._homes or sandbox.get_agent_homes(),
        )
        events = conversation.run()
        async with aclosing(events):
            async for event in events:
                yield event

    async def close(self) -> None:
        """Nothing is shared between runs."""
