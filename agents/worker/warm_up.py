"""What a worker prepares in the background, so that its first runs need not wait."""

import asyncio
import logging

from agents import runtimes
from agents.doctor import checks
from agents.worker.database import run_in_database
from tasks import catalog
from tasks.observability import log_context

log = logging.getLogger(__name__)


async def warm_up() -> None:
    """Log what this machine lacks, and import the default runtime, which takes a second."""
    for problem in await asyncio.to_thread(checks.check_machine, None):
        log.warning(
            "%s %s", problem.msg, problem.hint, extra=log_context.make_extra("warm up")
        )
    default = await run_in_database(catalog.default_runtime)
    if default:
        await asyncio.to_thread(_load, default)


def _load(facts: catalog.RuntimeFacts) -> None:
    if facts.readiness().is_ready:
        runtimes.get_runtime(facts.name)
