"""What a step gets of the steps before it: their results, for its prompt and its workspace."""

from dataclasses import dataclass
from uuid import UUID

from tasks.models import StepRun
from tasks.workflows.definition import parse
from tasks.workflows.graph import graph_of


@dataclass(frozen=True)
class StepResult:
    """What the agent of a step said last."""

    step_id: str
    name: str
    text: str


def results_for(task_id: UUID) -> list[StepResult]:
    """Return the results that the step of this task reads; of a loop, the iteration's before."""
    step = StepRun.objects.filter(task_id=task_id).select_related("run").first()
    if step is None:
        return []
    definition = parse(step.run.definition)
    before = StepRun.objects.filter(run=step.run, is_retried=False, task__isnull=False)
    if definition.loop:
        reads: tuple[str, ...] = (step.step_id,)
        before = (
            before.filter(iteration=step.iteration - 1)
            if step.iteration
            else before.none()
        )
    else:
        node = graph_of(definition).get(step.step_id)
        reads = node.reads if node else ()
    rows = before.filter(step_id__in=reads).values_list("step_id", "task__result")
    texts = dict(rows)
    names = {one.id: one.name for one in definition.steps}
    return [StepResult(pk, names[pk], texts[pk]) for pk in reads if texts.get(pk)]
