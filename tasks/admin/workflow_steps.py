"""The steps of a workflow as its page lists and draws them: how far each is, and what ran."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils.safestring import SafeString

from tasks.admin import costs, display
from tasks.admin.base import profile_name, runtime_title
from tasks.admin.workflow_graph import Box, draw
from tasks.api.representation.workflow_status import status_of_step, step_states
from tasks.models import Run, StepRun, Task
from tasks.workflows.definition import Definition, Step
from tasks.workflows.engine import Key, StepState, StepStatus
from tasks.workflows.graph import Graph, make_graph

SHOWN_RESULT = 120  # characters
QUIET = frozenset({"pending", "waiting_dependencies"})  # nobody has to do anything


@dataclass(frozen=True)
class StepRow:
    """One step, or one iteration of a loop's step."""

    name: SafeString
    step_id: str
    status: SafeString
    task: str
    agent: str
    result: SafeString | str  # its first line
    error: SafeString
    began: str
    took: str
    cost: str
    attempt: int
    can_retry: bool


class Steps:
    """The steps of a definition, and what became of them in a run."""

    def __init__(self, definition: Definition, rows: list[StepRun]) -> None:
        self.definition = definition
        self.rows = rows
        self.graph: Graph = make_graph(definition)
        self.now: dict[Key, StepState] = step_states(rows)
        self.names = {step.id: step.name for step in definition.steps}

    def draw(self) -> SafeString:
        latest = {row.step_id: row for row in self.rows}
        boxes = {
            step.id: self._box(step, latest.get(step.id))
            for step in self.definition.steps
        }
        return draw(self.graph, boxes, title="The steps and their states")

    def _box(self, step: Step, row: StepRun | None) -> Box:
        url = display.find_page(row.task) if row and row.task else ""
        status = status_of_step(self.graph, step.id, row, self.now)
        return Box(step.name, status, url, self._describe(step.id, status))

    def list_rows(self) -> list[StepRow]:
        by_step: dict[str, list[StepRun]] = {}
        for row in self.rows:
            by_step.setdefault(row.step_id, []).append(row)
        ids = [row.task_id for row in self.rows if row.task_id]
        spent, agents = costs.sum_of_tasks(ids), _find_agents(ids)
        return [
            self._make_row(own, row, spent, agents)
            for own in self.definition.steps
            for row in by_step.get(own.id, [None])
        ]

    def _make_row(
        self,
        own: Step,
        row: StepRun | None,
        spent: Mapping[UUID, costs.Cost],
        agents: Mapping[UUID, tuple[str, str]],
    ) -> StepRow:
        status = status_of_step(self.graph, own.id, row, self.now)
        words = self._describe(own.id, status)
        task: Task | None = row.task if row else None
        again = f" ({row.iteration + 1})" if row and row.iteration else ""
        # What ran; before that, what the step asks for.
        asked = (own.assigned_agent, own.agent_profile)
        runtime, profile = agents.get(task.pk, asked) if task else asked
        return StepRow(
            name=display.reveal(f"{own.name}{again}"),
            step_id=own.id,
            status=display.label(words)
            if status in QUIET
            else display.state(status, words),
            task=display.link(task) if task else display.EMPTY,
            agent=f"{runtime_title(runtime)}, {profile_name(profile)}",
            result=display.shorten(task.result, SHOWN_RESULT)
            if task and task.result
            else "",
            error=display.reveal(row.error if row else ""),
            began=display.ago(row.started_at) if row else display.EMPTY,
            took=display.duration(row.started_at, row.finished_at)
            if row
            else display.EMPTY,
            cost=str(spent.get(task.pk, display.EMPTY)) if task else display.EMPTY,
            attempt=row.attempt if row else 0,
            can_retry=status == "failed",
        )

    def _describe(self, step_id: str, status: str) -> str:
        """Say how far a step is, in words: completed, waits for Shorten, waits for you."""
        if status == "waiting_approval":
            return "waits for you"
        if status != "waiting_dependencies":
            return status.replace("_", " ")
        return f"waits for {display.some(self._find_awaited(step_id), limit=2)}"

    def _find_awaited(self, step_id: str) -> Iterable[str]:
        """Yield the names of the steps that this one still waits for."""
        for name in self.graph[step_id].waits_for:
            state = self.now.get((name, 0))
            if state is None or state.status is not StepStatus.COMPLETED:
                yield self.names.get(name, name)


def _find_agents(task_ids: list[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return the runtime and profile that each task ran on last."""
    runs = Run.objects.filter(task_id__in=task_ids).order_by("attempt")
    rows = runs.values_list("task_id", "runtime", "profile")
    return {task_id: (runtime, profile) for task_id, runtime, profile in rows}
