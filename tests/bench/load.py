"""Requests per second: closed loops of clients, each sending when it has its answer."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.bench.client import Answer, Connection, Target
from tests.bench.process import ServerProcess

CONCURRENCIES = (1, 8, 32)
FILLERS = 16  # connections that create what is to be listed
POOL = 100  # tasks that are read and changed

Request = tuple[str, str, Any]  # method, path, body


@dataclass(frozen=True)
class Operation:
    """Something to measure: `requests` gives the nth client what it sends."""

    name: str
    requests: Callable[[int], Iterator[Request]]


@dataclass(frozen=True)
class Cell:
    """What came out for an operation at a concurrency. Times are in milliseconds."""

    operation: str
    concurrency: int
    per_second: float
    p50: float
    p99: float
    cpu_per_request: float | None


class UnexpectedAnswer(Exception):
    def __init__(self, request: Request, answer: Answer) -> None:
        text = answer.body[:500].decode(errors="replace")
        super().__init__(f"{request[0]} {request[1]}: {answer.status} {text}")


def percentile(sorted_values: list[float], percent: float) -> float:
    place = round(len(sorted_values) * percent / 100)
    return sorted_values[min(place, len(sorted_values) - 1)]


async def send(connection: Connection, request: Request) -> Answer:
    answer = await connection.request(*request)
    if answer.status >= 300:
        raise UnexpectedAnswer(request, answer)
    return answer


@asynccontextmanager
async def connections(target: Target, count: int) -> AsyncIterator[list[Connection]]:
    opened = [await Connection.open(target) for _ in range(count)]
    try:
        yield opened
    finally:
        for connection in opened:
            connection.close()


async def measure(
    target: Target,
    operation: Operation,
    *,
    concurrency: int,
    seconds: float,
    server: ServerProcess | None,
) -> Cell:
    async with connections(target, concurrency) as clients:
        loops = [(c, operation.requests(n)) for n, c in enumerate(clients)]
        for client, requests in loops:
            await send(client, next(requests))  # warm up
        cpu_before = server.cpu_seconds() if server else 0
        begun = time.perf_counter()
        taken = await asyncio.gather(
            *(_drive(*loop, until=begun + seconds) for loop in loops)
        )
        elapsed = time.perf_counter() - begun
        cpu = server.cpu_seconds() - cpu_before if server else None
    latencies = sorted(itertools.chain.from_iterable(taken))
    return Cell(
        operation.name,
        concurrency,
        per_second=len(latencies) / elapsed,
        p50=percentile(latencies, 50) * 1000,
        p99=percentile(latencies, 99) * 1000,
        cpu_per_request=None if cpu is None else cpu / len(latencies) * 1000,
    )


async def _drive(
    client: Connection, requests: Iterator[Request], *, until: float
) -> list[float]:
    taken = []
    while (begun := time.perf_counter()) < until:
        await send(client, next(requests))
        taken.append(time.perf_counter() - begun)
    return taken


# --- The data and the operations on it --------------------------------------------------


class Data:
    """Projects of this run's own, so that what else is in the database does not matter."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.projects: list[str] = []

    async def project(self, name: str) -> str:
        async with connections(self.target, 1) as (client,):
            body = {"name": f"Benchmark: {name}"}
            answer = await send(client, ("POST", "/api/projects", body))
        self.projects.append(answer.json()["id"])
        return self.projects[-1]

    async def tasks(self, project: str, count: int, **fields: Any) -> list[str]:
        """Create tasks, as quickly as the server takes them, and return their ids."""
        answers = await self.send_all(
            ("POST", "/api/tasks", body | fields) for body in _bodies(project, count)
        )
        return [answer.json()["id"] for answer in answers]

    async def remove(self) -> None:
        for project in self.projects:
            path = f"/api/tasks?projectId={project}"
            listed = await self.send_all([("GET", path, None)])
            tasks = [task["id"] for task in listed[0].json()]
            await self.send_all(("DELETE", f"/api/tasks/{t}", None) for t in tasks)
            await self.send_all([("DELETE", f"/api/projects/{project}", None)])

    async def send_all(self, requests: Iterator[Request] | list[Request]) -> list:
        left, answers = iter(requests), []

        async def send_the_next(client: Connection) -> None:
            for request in left:
                answers.append(await send(client, request))

        async with connections(self.target, FILLERS) as clients:
            await asyncio.gather(*map(send_the_next, clients))
        return answers


def _bodies(project: str, count: int | None = None) -> Iterator[dict]:
    numbers = itertools.count() if count is None else range(count)
    for number in numbers:
        yield {
            "title": f"Analyze Q4 revenue trends, part {number}",
            "description": "Review revenue data and produce a summary report.",
            "projectId": project,
            "priority": number % 4,
        }


async def operations(data: Data) -> list[Operation]:
    """Prepare what is read, created and changed."""
    ids = await data.tasks(await data.project("one task"), POOL)
    created = await data.project("created")
    # They outlive a cell, so that the next goes on where the task was left.
    statuses = [itertools.cycle(("queued", "planned")) for _ in ids]
    return [
        Operation("get one", lambda client: _get(ids, client)),
        Operation("create", lambda client: _create(created)),
        Operation("PATCH title, priority", lambda client: _change(ids, client)),
        # A task for each client: two of them on one would ask for the same move twice.
        Operation("PATCH status", lambda client: _move(ids[client], statuses[client])),
    ]


def _get(ids: list[str], client: int) -> Iterator[Request]:
    for task in itertools.cycle(ids[client:] + ids[:client]):
        yield "GET", f"/api/tasks/{task}", None


def _create(project: str) -> Iterator[Request]:
    for body in _bodies(project):
        yield "POST", "/api/tasks", body


def _change(ids: list[str], client: int) -> Iterator[Request]:
    for number in itertools.count(client):
        body = {"title": f"Title {number}", "priority": number % 4}
        yield "PATCH", f"/api/tasks/{ids[number % POOL]}", body


def _move(task: str, statuses: Iterator[str]) -> Iterator[Request]:
    for status in statuses:
        yield "PATCH", f"/api/tasks/{task}", {"status": status}


async def listing(data: Data, size: int) -> Operation:
    """Prepare a list of so many tasks."""
    project = await data.project(f"{size:,} tasks")
    await data.tasks(project, size)
    path = f"/api/tasks?projectId={project}"
    return Operation(
        f"list {size:,}", lambda client: itertools.repeat(("GET", path, None))
    )
