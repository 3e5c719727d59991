"""The six patterns as one graph: what each step waits for, and whose results it reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tasks.workflows.definition import Definition, InvalidDefinition, Pattern, Step


@dataclass(frozen=True)
class Node:
    """A step, and the steps that it waits for."""

    step: Step
    waits_for: tuple[str, ...]  # ids of steps that must be completed before
    reads: tuple[str, ...]  # ids of those whose results go into its prompt


Graph = Mapping[str, Node]


def make_graph(definition: Definition) -> Graph:
    """Return each step's node by its id, or raise InvalidDefinition where steps wait in a circle."""
    nodes = {
        step.id: _node(definition, number)
        for number, step in enumerate(definition.steps)
    }
    if circle := _circle(nodes):
        numbers = {step.id: n for n, step in enumerate(definition.steps)}
        path = " → ".join([*circle, circle[0]])
        raise InvalidDefinition(
            [f"steps.{numbers[circle[0]]}.dependsOn: Steps wait for each other: {path}"]
        )
    return {
        step_id: Node(node.step, node.waits_for, tuple(_read_through(nodes, node)))
        for step_id, node in nodes.items()
    }


def _read_through(nodes: Graph, node: Node) -> Iterator[str]:
    """Yield whose results a step reads: before one that only waits, those that it waits for."""
    for name in node.reads:
        if name in nodes and nodes[name].step.delay:
            yield from _read_through(nodes, nodes[name])
        else:
            yield name


def _node(definition: Definition, number: int) -> Node:
    steps = definition.steps
    step = steps[number]
    named = step.depends_on
    before = (steps[number - 1].id,) if number else ()
    match definition.pattern:
        case Pattern.PARALLEL:
            return Node(step, named, named)
        case Pattern.SWARM:
            return _swarm_node(steps, number)
        case Pattern.PLANNER_EXECUTOR if number:
            plan = (steps[0].id,)
            reads = (*plan, *(name for name in named if name not in plan))
            return Node(step, named or before, reads)
        case _:
            return Node(step, named or before, named or before)


def _swarm_node(steps: tuple[Step, ...], number: int) -> Node:
    mayor, *workers, _ = (step.id for step in steps)
    if number == 0:
        return Node(steps[0], (), ())
    if number == len(steps) - 1:
        return Node(steps[number], tuple(workers), tuple(workers))
    return Node(steps[number], (mayor,), (mayor,))


def _circle(nodes: Graph) -> list[str]:
    """Return ids of steps that wait for each other, each for the next; empty if none do."""
    is_done: dict[str, bool] = {}
    for start in nodes:
        path = [start] if start not in is_done else []
        while path:
            here = path[-1]
            is_done.setdefault(here, False)
            ahead = [name for name in nodes[here].waits_for if name in nodes]
            for name in ahead:
                if is_done.get(name) is False:  # it is on the path
                    return path[path.index(name) :]
            following = next((name for name in ahead if name not in is_done), None)
            if following is None:
                is_done[path.pop()] = True
            else:
                path.append(following)
    return []
