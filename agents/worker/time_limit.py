"""How long a run may take: its wall clock, without the time in which a person is waited for."""

import asyncio

from agents.protocol.runtime import RuntimeFailed


class TimeLimit:
    """The clock of one run; it stands still while anybody is asked. Without a limit it never ends."""

    def __init__(self, minutes: float | None) -> None:
        self._minutes = minutes
        self._loop = asyncio.get_running_loop()
        self._due_at = self._loop.time() + (minutes or 0) * 60
        self._paused_at: float | None = None

    @property
    def due_at(self) -> float:
        """The loop's time at which the limit is reached; infinite while it stands still."""
        if self._minutes is None or self._paused_at is not None:
            return float("inf")
        return self._due_at

    @property
    def is_set(self) -> bool:
        return self._minutes is not None

    def pause(self) -> None:
        self._paused_at = self._loop.time()

    def go_on(self) -> None:
        if self._paused_at is not None:
            self._due_at += self._loop.time() - self._paused_at
            self._paused_at = None

    def check(self) -> None:
        """Raise RuntimeFailed once the limit is reached."""
        if self._loop.time() >= self.due_at:
            unit = "minute" if self._minutes == 1 else "minutes"
            raise RuntimeFailed(
                f"The time limit of {self._minutes:g} {unit} is reached, and what was under"
                " way was ended. Resume for as long again, or raise timeoutMinutes first."
            )
