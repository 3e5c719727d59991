"""Runs at once: they wait for the model together, so many take little longer than one."""

import asyncio
import time
from dataclasses import dataclass

from tests.bench.load import Data, connections, send
from tests.bench.model import TURN_SECONDS
from tests.bench.process import ServerProcess

SCRIPTED = "echo"
RUNTIMES = (SCRIPTED, "anthropic-direct")
RUNS = 200
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Runs:
    runtime: str
    count: int
    turn_seconds: float
    executed_after: float  # seconds from the first request to the last answer
    completed_after: float
    cpu_per_run: float  # milliseconds, of the server's process: requests and worker


async def at_once(data: Data, server: ServerProcess, runtime: str) -> Runs:
    """Execute tasks of one turn, which takes the model a while, all at once."""
    project = await data.project(f"executed by {runtime}")
    brief = {"description": f"sleep: {TURN_SECONDS}", "assignedAgent": runtime}
    if runtime == SCRIPTED:  # no name of the contract's, but the default here
        del brief["assignedAgent"]
    await _execute(data, project, await _queue(data, project, 1, brief))  # warm up
    ids = await _queue(data, project, RUNS, brief)
    cpu, begun = server.cpu_seconds(), time.perf_counter()
    executed, completed = await _execute(data, project, ids)
    return Runs(
        runtime,
        RUNS,
        TURN_SECONDS,
        executed_after=executed - begun,
        completed_after=completed - begun,
        cpu_per_run=(server.cpu_seconds() - cpu) / RUNS * 1000,
    )


async def _queue(
    data: Data, project: str, count: int, brief: dict[str, str]
) -> list[str]:
    ids = await data.tasks(project, count, **brief)
    await data.send_all(
        ("PATCH", f"/api/tasks/{task}", {"status": "queued"}) for task in ids
    )
    return ids


async def _execute(data: Data, project: str, ids: list[str]) -> tuple[float, float]:
    """Execute tasks and return when all were under way, and when all were done."""
    await data.send_all(("POST", f"/api/tasks/{task}/execute", None) for task in ids)
    executed = time.perf_counter()
    await _until_completed(data, project)
    return executed, time.perf_counter()


async def _until_completed(data: Data, project: str) -> None:
    running = f"/api/tasks?projectId={project}&status=running&limit=1"
    async with asyncio.timeout(PATIENCE_SECONDS), connections(data.target, 1) as opened:
        while (await send(opened[0], ("GET", running, None))).json():
            await asyncio.sleep(0.05)
