"""Watches every runtime for silence, the time in which it yields no event.

After STAGENT_SILENCE_SECONDS without an event the log says so, and says again when the agent
goes on; after STAGENT_PROVIDER_TIMEOUT_SECONDS the provider counts as dead and the run fails.
Only content counts: a provider's pings do not, so runtimes make no events of them. The time
in which a person is asked does not count either.

Here a run ends at its own time limit, too.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from django.conf import settings

from agents.protocol import events
from agents.protocol.cancellation import run_to_end
from agents.protocol.events import Event
from agents.protocol.runtime import (
    AskPermission,
    Assignment,
    Decision,
    Runtime,
    ToolCall,
)
from agents.providers import causes
from agents.providers.failures import make_failure
from agents.worker.time_limit import TimeLimit

END = None  # the last item in the queue


async def perform_watched(
    runtime: Runtime, assignment: Assignment, ask: AskPermission
) -> AsyncGenerator[Event, None]:
    """Perform the assignment; yield its events, with notices of long silences among them."""
    watcher = _SilenceWatcher(runtime, assignment, ask)
    performing = asyncio.create_task(watcher.perform())
    try:
        watched = watcher.events()
        async with aclosing(watched):
            async for event in watched:
                yield event
        await performing  # raises what the runtime raised
    finally:
        performing.cancel()
        await run_to_end(_wait_for_end(performing))


async def _wait_for_end(performing: asyncio.Task[None]) -> None:
    await asyncio.wait({performing})
    if not performing.cancelled():
        performing.exception()  # else asyncio warns that it was never retrieved


class _SilenceWatcher:
    def __init__(
        self, runtime: Runtime, assignment: Assignment, ask: AskPermission
    ) -> None:
        self._runtime = runtime
        self._assignment = assignment
        self._ask = ask
        self._asking = 0
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._clock = _Clock()
        self._limit = TimeLimit(assignment.timeout_minutes)

    async def perform(self) -> None:
        """Perform the assignment in one task, and queue its events one at a time."""
        performance = self._runtime.perform(self._assignment, self._ask_and_reset)
        try:
            async with aclosing(performance):
                async for event in performance:
                    self._queue.put_nowait(event)
                    # The runtime goes on only after the event is written.
                    await self._queue.join()
        finally:
            self._queue.put_nowait(END)

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield the queued events and the notices, or raise RuntimeFailed after the timeout."""
        while True:
            try:
                async with asyncio.timeout_at(
                    min(self._clock.due_at, self._limit.due_at)
                ):
                    event = await self._queue.get()
            except TimeoutError:
                if notice := self._check_clocks():
                    yield notice
                continue
            if event is END:
                return
            if notice := self._clock.note_event(event):
                yield notice
            if not isinstance(event, events.Working):
                yield event
            if not isinstance(event, events.Finished):
                self._limit.check()  # an agent that is never silent has a limit, too
            self._queue.task_done()

    def _check_clocks(self) -> Event | None:
        """Return a notice of silence; raise RuntimeFailed where a clock has run out."""
        self._limit.check()
        if self._asking:
            self._clock.reset()
            return None
        return self._clock.check_silence()

    async def _ask_and_reset(self, call: ToolCall) -> Decision:
        self._queue.put_nowait(events.Working())  # a question ends a silence
        if not self._asking:
            self._limit.pause()
        self._asking += 1
        try:
            return await self._ask(call)
        finally:
            self._asking -= 1
            self._clock.reset()
            if not self._asking:
                self._limit.go_on()
            if self._limit.is_set:
                self._queue.put_nowait(events.Working())  # its end is another one now


class _Clock:
    """Knows since when no event has come, and whether a notice of that was given."""

    def __init__(self) -> None:
        self._notice = float(settings.STAGENT_SILENCE_SECONDS)
        self._end = float(settings.STAGENT_PROVIDER_TIMEOUT_SECONDS)
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._is_noted = False
        self._running: dict[str, str] = {}  # calls without a result, by id

    @property
    def due_at(self) -> float:
        """The loop's time of the next notice, or of the timeout, if no event comes before."""
        is_next = not self._is_noted and self._notice < self._end
        return self._heard_at + (self._notice if is_next else self._end)

    def reset(self) -> None:
        self._heard_at = max(self._heard_at, self._loop.time())

    def check_silence(self) -> Event | None:
        """Return a notice, once for each silence; raise RuntimeFailed after the timeout."""
        silent = self._loop.time() - self._heard_at
        if silent >= self._end:
            raise make_failure(
                causes.SILENT, None, f"for {_describe_seconds(self._end)}"
            )
        if self._is_noted or silent < self._notice:
            return None
        self._is_noted = True
        place = (
            f", which is at: {next(iter(self._running.values()))}"
            if self._running
            else ""
        )
        who = "the agent" if self._running else "the provider"
        return events.Notice(
            f"Nothing has come from {who} for {_describe_seconds(self._notice)}{place}. Still waiting."
        )

    def note_event(self, event: Event) -> Event | None:
        """Restart the clock; return a notice that the agent goes on, if one said it was silent."""
        now = self._loop.time()
        silent, is_told = now - self._heard_at, self._is_noted
        self._heard_at, self._is_noted = max(now, self._heard_at), False
        match event:
            case events.ToolUse():
                self._running[event.call_id] = event.message
            case events.ToolResult():
                self._running.pop(event.call_id, None)
            case events.Retrying():
                self._heard_at = now + event.delay
        return (
            events.Notice(f"It goes on after {_describe_seconds(silent)}.")
            if is_told
            else None
        )


def _describe_seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"
    return f"{minutes:,} min {rest} s" if rest else f"{minutes:,} min"
