"""What a worker does beside its first runs, so that they need not wait for it."""

import asyncio
import logging

from agents import checks, runtimes
from agents.worker.database import in_database
from tasks import catalog

log = logging.getLogger(__name__)


async def warm_up() -> None:
    """Find out what this machine lacks, and import the default runtime, which takes a second."""
    for problem in await asyncio.to_thread(checks.check_machine, None):
        log.warning("%s %s", problem.msg, problem.hint)
    default = await in_database(catalog.default_runtime)
    if default:
        await asyncio.to_thread(_load, default)


def _load(facts: catalog.RuntimeFacts) -> None:
    if facts.readiness().is_ready:
        runtimes.runtime(facts.name)
