"""How many runs a worker may claim beside those that it has in hand."""

from collections.abc import Collection

from agents.worker.execution import Execution
from tasks import catalog

# In one transaction, during which nobody else can write to SQLite.
MAX_CLAIMED_AT_ONCE = 16


def count_busy(executions: Collection[Execution]) -> int:
    """Count the runs that take up a place: one that waits for a person takes none."""
    return sum(not execution.is_waiting for execution in executions)


def count_processes(executions: Collection[Execution]) -> int:
    """Count the agents that are processes: they use memory even while they wait."""
    return sum(
        execution.run.runtime in catalog.PROCESS_RUNTIMES for execution in executions
    )


def choose_batch_size(limit: int) -> int:
    """Return how many runs to claim in one transaction, `limit` at most.

    Powers of two, since each size is a compiled statement of its own.
    """
    return min(MAX_CLAIMED_AT_ONCE, 1 << limit.bit_length() - 1)
