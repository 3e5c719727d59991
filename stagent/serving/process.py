"""Web, worker and, where there is no key, the embedded model, on one event loop."""

import asyncio
import contextvars
import os
import signal
from collections.abc import Callable

from channels.layers import get_channel_layer

from agents.providers import embedded
from agents.worker import ending
from agents.worker.loop import GRACE_SECONDS, Worker
from stagent import admin_login, example
from stagent.serving.http_servers import HTTPServer
from tasks.catalog.credentials import ANTHROPIC
from tasks.models import Task


class Process:
    """What runs on the server's event loop, from the first request to the last."""

    def __init__(
        self,
        server: HTTPServer,
        say: Callable[[str], None],
        *,
        url: str,
        hint: str,
        task: Task | None,
    ) -> None:
        self.server = server
        self.say = say
        self.url, self.hint = url, hint
        self.example = task
        self.worker = Worker(channel_layer=get_channel_layer())
        self.model = embedded.EmbeddedModel() if _needs_embedded_model() else None
        self.working: asyncio.Task[None] | None = None
        self.stopping: asyncio.Task[None] | None = None

    def run(self) -> None:
        # Before the first request: whoever executes a task then is not told that nobody works.
        self.worker.presence.announce_now()
        self.server.run(self._begin)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        # A context of its own: nothing of the command's outlives it.
        self.main = loop.create_task(self._main(), context=contextvars.Context())

    async def _main(self) -> None:
        self.say(f"Stagent is on {self.url} (Ctrl-C stops it).")
        if self.hint:
            self.say(self.hint)
        login = await asyncio.to_thread(admin_login.hint)
        self.say(f"Admin: {self.url}/admin/ ({login})")
        self.say(f"API:   {self.url}/api/tasks")
        await self._start_model()
        self.working = asyncio.create_task(self.worker.handle())
        if self.example:
            self.say(
                "\nThis is the first start: here is an example task, executed for you."
            )
            await example.show(self.example, self.say)
        if self.model:
            self.say(
                "\nTasks run on the embedded model: it talks nonsense, and proves the road"
                " without a key. Set ANTHROPIC_API_KEY for a real one."
            )

    async def _start_model(self) -> None:
        if self.model is None:
            return
        self.say("No key is set: starting the embedded model, which is tiny and free …")
        try:
            await self.model.start()
        except embedded.EmbeddedModelFailed as error:
            self.say(f"{error} Set ANTHROPIC_API_KEY, or start again.")

    def _stop(self) -> None:
        ending.end_by_force(after_seconds=GRACE_SECONDS + ending.MARGIN_SECONDS)
        if self.stopping:  # the second signal: leave no grace
            self.loop.create_task(self.worker.stop(grace=0))
            return
        self.say("\nStopping; runs in progress are handed over to the next start …")
        self.stopping = self.loop.create_task(self._shut_down())

    async def _shut_down(self) -> None:
        if self.working:
            await self.worker.stop()
        else:
            self.main.cancel()
        if self.model:
            await self.model.stop()
        self.server.stop()


def _needs_embedded_model() -> bool:
    return embedded.is_installed() and not any(map(os.environ.get, ANTHROPIC))
