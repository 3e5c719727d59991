"""Tells the others that a worker is at work, so that nobody waits for one that is not there."""

from agents.worker.database import for_leases
from tasks.models import Worker


class Presence:
    """The row of a worker that takes any run; renewed with its leases, removed at its end."""

    def __init__(self, name: str, *, lease_seconds: float, concurrency: int) -> None:
        self._name = name
        self._seconds = lease_seconds
        self._concurrency = concurrency

    async def announce(self) -> None:
        await for_leases(
            Worker.objects.announce,
            self._name,
            for_seconds=self._seconds,
            concurrency=self._concurrency,
        )

    async def leave(self) -> None:
        await for_leases(Worker.objects.filter(name=self._name).delete)
