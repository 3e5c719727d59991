"""Records that a worker is running, so that people see when none is."""

from agents.worker.database import run_for_leases
from tasks.models import Worker


class Presence:
    """The row of a worker; renewed as often as its leases, deleted when it ends."""

    def __init__(self, name: str, *, lease_seconds: float, concurrency: int) -> None:
        self._name = name
        self._seconds = lease_seconds
        self._concurrency = concurrency

    async def announce(self) -> None:
        """Write or renew the row."""
        await run_for_leases(self.announce_now)

    def announce_now(self) -> None:
        """Do the same before there is an event loop."""
        Worker.objects.announce(
            self._name, for_seconds=self._seconds, concurrency=self._concurrency
        )

    async def leave(self) -> None:
        """Delete the row."""
        await run_for_leases(Worker.objects.filter(name=self._name).delete)
