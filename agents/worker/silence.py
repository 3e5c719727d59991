"""Gives silence a voice: what every runtime does is heard through here, by one clock.

When nothing has come from an agent for a while, the log says so, and again when it goes on;
when nothing comes for too long, its provider is dead and the run ends. What counts is
content: a provider's pings are none, so that runtimes make no events of them. Waiting for a
person is no silence.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from django.conf import settings

from agents import events
from agents.events import Event
from agents.providers import causes
from agents.providers.failures import failed
from agents.runtime import AskPermission, Assignment, Decision, Runtime, ToolCall
from agents.tools.base import to_the_end

END = None  # the last thing in the queue


async def attended(
    runtime: Runtime, assignment: Assignment, ask: AskPermission
) -> AsyncGenerator[Event, None]:
    """Perform, and yield the events with what there is to say of the silences between them."""
    attendant = _Attendant(runtime, assignment, ask)
    performing = asyncio.create_task(attendant.perform())
    try:
        heard = attendant.events()
        async with aclosing(heard):
            async for event in heard:
                yield event
        await performing  # which has failed, if anything has
    finally:
        performing.cancel()
        await to_the_end(_ended(performing))


async def _ended(performing: asyncio.Task[None]) -> None:
    await asyncio.wait({performing})
    if not performing.cancelled():
        performing.exception()  # or asyncio complains that nobody heard of it


class _Attendant:
    def __init__(
        self, runtime: Runtime, assignment: Assignment, ask: AskPermission
    ) -> None:
        self._runtime = runtime
        self._assignment = assignment
        self._ask = ask
        self._asking = 0
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._clock = _Clock()

    async def perform(self) -> None:
        """Perform in one task from start to end, an event at a time."""
        performance = self._runtime.perform(self._assignment, self._asked)
        try:
            async with aclosing(performance):
                async for event in performance:
                    self._queue.put_nowait(event)
                    # Not a step further before it is written down.
                    await self._queue.join()
        finally:
            self._queue.put_nowait(END)

    async def events(self) -> AsyncGenerator[Event, None]:
        while True:
            try:
                async with asyncio.timeout_at(self._clock.due_at):
                    event = await self._queue.get()
            except TimeoutError:
                if self._asking:
                    self._clock.reset()
                elif notice := self._clock.silence():
                    yield notice
                continue
            if event is END:
                return
            if notice := self._clock.heard(event):
                yield notice
            if not isinstance(event, events.Working):
                yield event
            self._queue.task_done()

    async def _asked(self, call: ToolCall) -> Decision:
        self._queue.put_nowait(events.Working())  # to ask is to be heard
        self._asking += 1
        try:
            return await self._ask(call)
        finally:
            self._asking -= 1
            self._clock.reset()


class _Clock:
    """Since when nothing has come, and what has been said of that."""

    def __init__(self) -> None:
        self._notice = float(settings.STAGENT_SILENCE_SECONDS)
        self._end = float(settings.STAGENT_PROVIDER_TIMEOUT_SECONDS)
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._is_told = False
        self._running: dict[str, str] = {}  # calls without a result, by id

    @property
    def due_at(self) -> float:
        """When there is something to say if nothing comes until then, by the loop's time."""
        is_next = not self._is_told and self._notice < self._end
        return self._heard_at + (self._notice if is_next else self._end)

    def reset(self) -> None:
        self._heard_at = max(self._heard_at, self._loop.time())

    def silence(self) -> Event | None:
        """Say that nothing comes, once, or raise RuntimeFailed when it is too long."""
        silent = self._loop.time() - self._heard_at
        if silent >= self._end:
            raise failed(causes.SILENT, None, f"for {_words(self._end)}")
        if self._is_told or silent < self._notice:
            return None
        self._is_told = True
        place = (
            f", which is at: {next(iter(self._running.values()))}"
            if self._running
            else ""
        )
        who = "the agent" if self._running else "the provider"
        return events.Notice(
            f"Nothing has come from {who} for {_words(self._notice)}{place}. Still waiting."
        )

    def heard(self, event: Event) -> Event | None:
        """Start anew, and say that it goes on where its silence was told."""
        now = self._loop.time()
        silent, is_told = now - self._heard_at, self._is_told
        self._heard_at, self._is_told = max(now, self._heard_at), False
        match event:
            case events.ToolUse():
                self._running[event.call_id] = event.message
            case events.ToolResult():
                self._running.pop(event.call_id, None)
            case events.Retrying():
                self._heard_at = now + event.delay
        return events.Notice(f"It goes on after {_words(silent)}.") if is_told else None


def _words(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"
    return f"{minutes:,} min {rest} s" if rest else f"{minutes:,} min"
