"""Stops a command that takes more memory than it may, or leaves too little of the disk."""

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from agents.workspaces.supervisor import processes

PERIOD_SECONDS = 1.0
OVER_LIMIT = 137


class Watch(threading.Thread):
    """Looks once a second. What takes more in less time meets the limits of each process."""

    def __init__(self, limits: dict[str, Any], *, stop: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.code = 0  # of the exit, once it has stopped the command
        self._memory = limits.get("memory", 0)
        self._folders = limits.get("folders", [])
        self._floors = self._choose_floors(limits.get("free", 0))
        self._stop = stop

    def run(self) -> None:
        while not (reason := self._find_excess()):
            time.sleep(PERIOD_SECONDS)
        self.code = OVER_LIMIT
        sys.stderr.write(f"\n[stopped: {reason}]\n")
        sys.stderr.flush()
        self._stop()

    def _choose_floors(self, free: int) -> dict[str, int]:
        """Of a disk that has less already, half of what is left."""
        return {
            folder: min(free, _measure_free(folder) // 2) for folder in self._folders
        }

    def _find_excess(self) -> str:
        if self._memory:
            used = processes.measure_memory(processes.find_descendants())
            if used > self._memory:
                return f"it used more than {self._memory >> 20:,} MiB of memory"
        for folder, least in self._floors.items():
            if _measure_free(folder) < least:
                return f"it left less than {least >> 20:,} MiB of the disk"
        return ""


def _measure_free(folder: str) -> int:
    try:
        found = os.statvfs(folder)
    except OSError:  # the workspace was deleted meanwhile
        return sys.maxsize
    return found.f_bavail * found.f_frsize
