"""Log streams: how late an entry arrives, and what idle ones cost."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import orjson

from tests.bench.client import Connection, Target
from tests.bench.load import Data, connections, percentile, send
from tests.bench.process import Footprint, ServerProcess

READERS = (1, 100)
ECHO_ENTRIES = 60
PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Lateness:
    """How late entries arrived, in milliseconds, counted from `since`.

    Below 0 is earlier: an entry may overtake the answer to the request that made it.
    """

    since: str
    readers: int
    p50: float
    p99: float

    @classmethod
    def of(cls, since: str, readers: int, seconds: list[float]) -> Self:
        late = sorted(each * 1000 for each in seconds)
        return cls(since, readers, percentile(late, 50), percentile(late, 99))


@dataclass(frozen=True)
class Idle:
    streams: int
    before: Footprint
    after: Footprint
    cpu_percent: float  # of one core, while nothing happens


@dataclass(frozen=True)
class Arrival:
    clock: float
    calendar: float  # to compare with timestamps
    entry: dict


class Reader:
    """Follows a log and notes when each entry arrives."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self._is_open = asyncio.Event()
        self._received = b""

    async def open(self, client: Connection, task: str) -> None:
        path = f"/api/tasks/{task}/logs"
        self._end = asyncio.create_task(
            client.request("GET", path, on_piece=self._take)
        )
        opened = asyncio.create_task(self._is_open.wait())
        await asyncio.wait([self._end, opened], return_when=asyncio.FIRST_COMPLETED)
        if opened.done():
            return
        opened.cancel()
        raise ConnectionError(f"{path} did not stream: {await self._end}")

    async def close(self) -> None:
        self._end.cancel()
        await asyncio.wait([self._end])

    def _take(self, piece: bytes) -> None:
        self._is_open.set()
        *events, self._received = (self._received + piece).split(b"\n\n")
        for event in events:
            if b"data: " in event and not event.startswith(b"event:"):
                entry = orjson.loads(event[event.index(b"data: ") + 6 :])
                self.arrivals.append(Arrival(time.perf_counter(), time.time(), entry))


@asynccontextmanager
async def reading(target: Target, tasks: list[str]) -> AsyncIterator[list[Reader]]:
    """Follow the logs of `tasks`, a stream each; inside, all of them are open."""
    readers = []
    async with connections(target, len(tasks)) as clients:
        try:
            for client, task in zip(clients, tasks, strict=True):
                reader = Reader()
                await reader.open(client, task)
                readers.append(reader)
            yield readers
        finally:
            for reader in readers:
                await reader.close()


def _gap_seconds(readers: int) -> float:
    """Return how long to wait between entries, so that each has the server to itself."""
    return max(0.02, readers * 0.001)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.05)


async def lateness(data: Data, *, readers: int, seconds: float) -> list[Lateness]:
    """Change a task's status again and again while `readers` follow its log."""
    [task] = await data.tasks(await data.project("followed"), 1)
    async with reading(data.target, [task] * readers) as following:
        sent, answered = await _move(
            data.target, task, seconds=seconds, gap=_gap_seconds(readers)
        )
        await _until(lambda: all(len(r.arrivals) >= len(sent) for r in following))
    return [
        Lateness.of("the PATCH was sent", readers, _after(sent, following)),
        Lateness.of("the PATCH was answered", readers, _after(answered, following)),
    ]


def _after(moments: list[float], readers: list[Reader]) -> list[float]:
    return [
        arrival.clock - moment
        for reader in readers
        for arrival, moment in zip(reader.arrivals, moments, strict=True)
    ]


async def _move(
    target: Target, task: str, *, seconds: float, gap: float
) -> tuple[list[float], list[float]]:
    sent, answered = [], []
    until = time.perf_counter() + seconds
    async with connections(target, 1) as (client,):
        while time.perf_counter() < until:
            status = "planned" if len(sent) % 2 else "queued"
            sent.append(time.perf_counter())
            await send(client, ("PATCH", f"/api/tasks/{task}", {"status": status}))
            answered.append(time.perf_counter())
            await asyncio.sleep(gap)
    return sent, answered


async def agent_lateness(data: Data, *, readers: int) -> Lateness:
    """Follow an agent of the scripted runtime: from an entry's timestamp to its arrival."""
    script = "\n".join(
        [f"sleep: {_gap_seconds(readers)}", "say: Analyzing"] * ECHO_ENTRIES
    )
    project = await data.project("performed")
    body = {"title": "Performed", "description": script, "projectId": project}
    async with connections(data.target, 1) as (client,):
        created = await send(client, ("POST", "/api/tasks", body))
        task = created.json()["id"]
        await send(client, ("PATCH", f"/api/tasks/{task}", {"status": "queued"}))
        async with reading(data.target, [task] * readers) as following:
            await send(client, ("POST", f"/api/tasks/{task}/execute", None))
            await _until(lambda: all(_has_result(r) for r in following))
    late = [_late(arrival) for arrival in _said(following)]
    return Lateness.of("an agent's entry was made", readers, late)


def _has_result(reader: Reader) -> bool:
    return bool(reader.arrivals) and reader.arrivals[-1].entry["eventType"] == "result"


def _said(readers: list[Reader]) -> list[Arrival]:
    arrivals = [arrival for reader in readers for arrival in reader.arrivals]
    return [a for a in arrivals if a.entry["eventType"] == "assistant"]


def _late(arrival: Arrival) -> float:
    made_at = datetime.fromisoformat(arrival.entry["timestamp"])
    return arrival.calendar - made_at.timestamp()


async def idle(data: Data, server: ServerProcess, *, streams: int) -> Idle:
    """Hold `streams` logs of as many tasks open, on which nothing happens."""
    tasks = await data.tasks(await data.project("idle"), streams)
    before = server.footprint()
    async with reading(data.target, tasks):
        cpu, begun = server.cpu_seconds(), time.perf_counter()
        await asyncio.sleep(2)
        used = server.cpu_seconds() - cpu
        percent = used / (time.perf_counter() - begun) * 100
        return Idle(streams, before, server.footprint(), percent)
