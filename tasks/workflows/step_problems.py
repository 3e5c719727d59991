"""What must hold between the steps of a definition: ids, dependencies, and the pattern's own rules."""

from collections import Counter
from collections.abc import Collection, Iterator

from tasks.workflows.definition import Definition, Pattern, Step


def find_step_problems(definition: Definition) -> Iterator[str]:
    """Yield a sentence for each problem, with its place before it."""
    ids = Counter(step.id for step in definition.steps)
    for number, step in enumerate(definition.steps):
        if ids[step.id] > 1:
            yield f"steps.{number}.id: Another step has this id, too: {step.id}"
        for message in _find_dependency_problems(step, ids):
            yield f"steps.{number}.dependsOn: {message}"
    match definition.pattern:
        case Pattern.SWARM:
            yield from _find_swarm_problems(definition.steps)
        case Pattern.LOOP:
            yield from _find_loop_problems(definition.steps)
        case Pattern.PLANNER_EXECUTOR if len(definition.steps) < 2:
            yield "steps: Planner-executor pattern requires a planner and at least one more step"


def _find_dependency_problems(step: Step, ids: Collection[str]) -> Iterator[str]:
    for name in step.depends_on:
        if name == step.id:
            yield "A step cannot depend on itself"
        elif name not in ids:
            yield f"There is no step with the id {name}"
    if len(set(step.depends_on)) < len(step.depends_on):
        yield "A step is named twice"


def _find_swarm_problems(steps: tuple[Step, ...]) -> Iterator[str]:
    if not 4 <= len(steps) <= 7:
        yield (
            "Swarm pattern requires a mayor step, 2-5 worker steps, and a refinery step"
        )
    if any(step.requires_approval for step in steps):
        yield "Swarm steps cannot require approval in the first slice"
    if any(step.depends_on for step in steps):
        yield (
            "Swarm steps use fixed mayor/worker/refinery ordering and cannot declare"
            " dependencies"
        )


def _find_loop_problems(steps: tuple[Step, ...]) -> Iterator[str]:
    if len(steps) > 1:
        yield "steps.1: Loop pattern repeats one step; this one would never run"
    if steps and steps[0].delay:
        yield "steps.0.delayDuration: A loop cannot repeat a step that only waits"
