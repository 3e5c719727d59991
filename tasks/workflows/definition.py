"""A workflow's definition, once it is read and checked."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

MAX_STEPS = 100
MAX_PROMPT = 20_000
MAX_ITERATIONS = 1_000
MAX_DOCUMENTS = 500
MAX_BUDGET_USD = 10_000
# A task's title is at most 200 characters, "[Workflow] " and the iteration with it.
MAX_NAME = 170
DEFAULT_SIGNAL = "LOOP_COMPLETE"
DEFAULT_WORKERS_AT_ONCE = 2
DEFAULT_PRIORITY = 1


class Pattern(StrEnum):
    """In which order the steps go."""

    SEQUENCE = "sequence"
    PLANNER_EXECUTOR = "planner-executor"
    CHECKPOINT = "checkpoint"
    LOOP = "loop"
    PARALLEL = "parallel"
    SWARM = "swarm"


class InvalidDefinition(Exception):
    """The definition cannot be used. `problems` are sentences, most with their place before."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Step:
    """One step, as it is defined."""

    id: str
    name: str
    prompt: str  # empty for a step that only waits
    requires_approval: bool = False
    depends_on: tuple[str, ...] = ()
    assigned_agent: str = ""
    agent_profile: str = ""  # empty: chosen by title and description
    model: str = ""  # empty: the profile's or the runtime's
    effort: str = ""
    document_ids: tuple[str, ...] = ()
    budget_usd: float | None = None
    delay: timedelta | None = None


@dataclass(frozen=True)
class Loop:
    """How often a loop's step is repeated, and with what."""

    max_iterations: int
    time_budget: timedelta | None = None
    signals: tuple[str, ...] = (DEFAULT_SIGNAL,)
    items: tuple[str, ...] = ()
    item_variable: str = "item"

    @property
    def count(self) -> int:
        """How many iterations there are at most."""
        return (
            min(self.max_iterations, len(self.items))
            if self.items
            else self.max_iterations
        )


@dataclass(frozen=True)
class Definition:
    """A workflow as it is written, checked."""

    pattern: Pattern
    steps: tuple[Step, ...]
    loop: Loop | None = None
    workers_at_once: int | None = None
    source_task_id: str = ""
    priority: int = DEFAULT_PRIORITY  # of its tasks

    def step(self, step_id: str) -> Step | None:
        return next((step for step in self.steps if step.id == step_id), None)
