"""What the server's process and its children take of the machine."""

from dataclasses import dataclass
from typing import Self

import psutil


@dataclass(frozen=True)
class Footprint:
    memory_megabytes: float
    threads: int
    descriptors: int


class ServerProcess:
    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    @classmethod
    def of(cls, pid: int | None) -> Self | None:
        return cls(pid) if pid else None

    def _all(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        times = [process.cpu_times() for process in self._all()]
        return sum(time.user + time.system for time in times)

    def footprint(self) -> Footprint:
        processes = self._all()
        return Footprint(
            sum(p.memory_full_info().uss for p in processes) / 2**20,
            sum(p.num_threads() for p in processes),
            sum(p.num_fds() for p in processes),
        )
