"""What the runtimes that talk to a provider's API themselves have in common."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import ClassVar

import httpx2

from agents.protocol.events import Event
from agents.protocol.runtime import AskPermission, Assignment
from agents.providers.connections import Connections, get_read_seconds
from agents.providers.retries import RetryPolicy
from agents.providers.wire import Wire
from agents.runtimes.direct.loop import AgentLoop
from agents.runtimes.direct.model_setup import ModelSetup
from agents.tools import Toolbox


class DirectRuntime(ABC):
    """A runtime of our own loop and tools; a subclass adds how its provider is spoken with."""

    # Makes the HTTP client that all runs share: the one over aiohttp, where an SDK brings it.
    make_client: ClassVar[Callable[..., httpx2.AsyncClient]]

    def __init__(
        self, *, policy: RetryPolicy | None = None, read_seconds: float | None = None
    ) -> None:
        """`read_seconds`: how long a connection may be silent; the settings' if left out."""
        self._policy = policy or RetryPolicy()
        self._connections = Connections(type(self).make_client)
        self._read_seconds = read_seconds

    async def perform(
        self, assignment: Assignment, ask: AskPermission
    ) -> AsyncGenerator[Event, None]:
        toolbox = Toolbox(
            assignment.workspace, names=assignment.tools, network=assignment.network
        )
        wire = self.make_wire(
            self._connections.get_client(),
            ModelSetup(
                assignment.instructions,
                toolbox.schemas,
                assignment.output_schema,
                model=assignment.model,
                effort=assignment.effort,
            ),
        )
        loop = AgentLoop(wire, toolbox, assignment, ask, policy=self._policy)
        async with aclosing(loop.run()) as performance:
            async for event in performance:
                yield event

    async def close(self) -> None:
        """Close the connections that are kept between runs."""
        await self._connections.close()

    @property
    def read_seconds(self) -> float:
        """How long a connection to the provider may be silent."""
        return self._read_seconds or get_read_seconds()

    @abstractmethod
    def make_wire(self, client: httpx2.AsyncClient, setup: ModelSetup) -> Wire:
        """Return what speaks with the provider in one run, set up by the environment."""
