"""What a step gets of the steps before it: their results in its prompt, and their files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from tasks.models import StepRun
from tasks.workflows.definition import Definition
from tasks.workflows.definition_reader import parse
from tasks.workflows.graph import Graph, make_graph


@dataclass(frozen=True)
class StepBefore:
    """A step that another goes on from. `text` is what its agent said last."""

    step_id: str
    name: str
    task_id: UUID
    text: str
    is_read: bool  # its result goes into the prompt; of others there are only the files


def steps_before(task_id: UUID) -> list[StepBefore]:
    """Return the steps that the one of this task goes on from; of a loop, the iteration before."""
    step = StepRun.objects.filter(task_id=task_id).select_related("run").first()
    if step is None:
        return []
    definition = parse(step.run.definition)
    read, waited_for = _names(definition, step.step_id)
    before = StepRun.objects.filter(run=step.run, is_retried=False, task__isnull=False)
    if definition.loop:
        before = before.filter(iteration=step.iteration - 1)
    wanted = dict.fromkeys([*read, *waited_for])
    rows = before.filter(step_id__in=wanted).values_list(
        "step_id", "task_id", "task__result"
    )
    found = {pk: (task, text) for pk, task, text in rows if task is not None}
    names = {one.id: one.name for one in definition.steps}
    return [
        StepBefore(pk, names[pk], *found[pk], is_read=pk in read)
        for pk in wanted
        if pk in found
    ]


def choose_before(
    definition: Definition, step: StepRun, steps: Iterable[StepRun]
) -> list[StepBefore]:
    """Choose from the `steps` of a run, read with their tasks, what `step` goes on from."""
    read, _ = _names(definition, step.step_id)
    iteration = step.iteration - 1 if definition.loop else 0
    found = {one.step_id: one.task for one in steps if one.iteration == iteration}
    names = {one.id: one.name for one in definition.steps}
    return [
        StepBefore(pk, names[pk], task.pk, task.result, is_read=True)
        for pk in read
        if (task := found.get(pk)) is not None
    ]


def _names(
    definition: Definition, step_id: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids of the steps whose results a step reads, and of those it waits for."""
    if definition.loop:
        return (step_id,), ()
    graph = make_graph(definition)
    node = graph.get(step_id)
    return (node.reads, tuple(_find_awaited(graph, step_id))) if node else ((), ())


def _find_awaited(graph: Graph, step_id: str) -> Iterator[str]:
    """Yield the steps with agents that a step waits for: past those that only wait."""
    for name in graph[step_id].waits_for:
        if name in graph and graph[name].step.delay:
            yield from _find_awaited(graph, name)
        else:
            yield name
