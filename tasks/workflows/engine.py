"""Says what comes next in a run of a workflow. It is pure: no database, no clock of its own.

Of each step, and of each iteration of a loop's step, it gets what became of the latest attempt.
That a step is blocked is derived and stored nowhere, so a retry of one step lets go on what
depended on it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tasks.workflows.definition import Definition, Loop, Pattern
from tasks.workflows.graph import Graph, Node, make_graph

Key = tuple[str, int]  # a step's id and its iteration, from 0


class StepStatus(StrEnum):
    """How far a step is, to the engine."""

    WAITING_APPROVAL = "waiting_approval"
    APPROVED = "approved"  # and not started yet
    DELAYED = "delayed"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class EndStatus(StrEnum):
    """How a run of a workflow ends."""

    COMPLETED = "completed"
    FAILED = "failed"


class StopReason(StrEnum):
    """Why a loop ended."""

    MAX_ITERATIONS = "max_iterations"
    TIME_BUDGET = "time_budget"
    AGENT_SIGNALED = "agent_signaled"
    HUMAN_PAUSE = "human_pause"
    HUMAN_CANCEL = "human_cancel"
    ERROR = "error"


@dataclass(frozen=True)
class StepState:
    """What has become of a step."""

    status: StepStatus
    delayed_until: datetime | None = None
    result: str = ""  # only a loop's is looked at


@dataclass(frozen=True)
class End:
    """How a run ends, and why."""

    status: EndStatus
    reason: str = ""
    stop_reason: StopReason | None = None


@dataclass(frozen=True)
class Decision:
    """What to do now. Who does it all at once leaves nothing for a second `decide`."""

    start: tuple[Key, ...] = ()  # make the task, or take the approved one, and run it
    ask: tuple[Key, ...] = ()  # make the task, planned, and ask for approval
    delay: tuple[Key, ...] = ()  # begin to wait
    complete: tuple[Key, ...] = ()  # it has waited long enough
    wake_at: datetime | None = None
    end: End | None = None

    @property
    def has_starts(self) -> bool:
        return bool(self.start or self.ask or self.delay)


def decide(
    definition: Definition,
    states: Mapping[Key, StepState],
    *,
    now: datetime,
    started_at: datetime,
    is_paused: bool = False,
    approved: Collection[Key] = (),
) -> Decision:
    """Return what comes next. `approved` are those that were approved in an earlier attempt."""
    if definition.loop:
        return _decide_loop(definition, states, now, started_at, is_paused, approved)
    graph = make_graph(definition)
    elapsed = _find_elapsed(states, now)
    states = {
        **states,
        **{key: StepState(StepStatus.COMPLETED) for key in elapsed},
    }
    ready = [] if is_paused else _ready(definition, graph, states)
    decision = _begin(ready, states, approved)
    return Decision(
        start=decision.start,
        ask=decision.ask,
        delay=decision.delay,
        complete=elapsed,
        wake_at=_wake_at(states),
        end=None if decision.has_starts else _end(definition, graph, states, is_paused),
    )


def blocked_by(
    node: Node, states: Mapping[Key, StepState], graph: Graph
) -> tuple[str, ...]:
    """Return the ids of the failed steps that keep this one from starting, near or far."""
    found: dict[str, None] = {}
    waiting = list(node.waits_for)
    seen: set[str] = set()
    while waiting:
        step_id = waiting.pop(0)
        if step_id in seen:
            continue
        seen.add(step_id)
        state = states.get((step_id, 0))
        if state and state.status is StepStatus.FAILED:
            found[step_id] = None
        elif state is None:
            waiting += graph[step_id].waits_for
    return tuple(found)


def _find_elapsed(states: Mapping[Key, StepState], now: datetime) -> tuple[Key, ...]:
    return tuple(
        key
        for key, state in states.items()
        if state.status is StepStatus.DELAYED
        and (state.delayed_until is None or state.delayed_until <= now)
    )


def _wake_at(states: Mapping[Key, StepState]) -> datetime | None:
    delayed = (
        state.delayed_until
        for state in states.values()
        if state.status is StepStatus.DELAYED and state.delayed_until
    )
    return min(delayed, default=None)


def _ready(
    definition: Definition, graph: Graph, states: Mapping[Key, StepState]
) -> list[Node]:
    """Return the steps that may begin, in the definition's order."""
    ready = [
        node
        for node in graph.values()
        if _may_begin(states.get((node.step.id, 0)))
        and all(_is_completed(states, step_id) for step_id in node.waits_for)
    ]
    if definition.pattern is not Pattern.SWARM or not definition.workers_at_once:
        return ready
    workers = {step.id for step in definition.steps[1:-1]}
    busy = sum(
        key[0] in workers and state.status is StepStatus.RUNNING
        for key, state in states.items()
    )
    return ready[: max(definition.workers_at_once - busy, 0)]


def _may_begin(state: StepState | None) -> bool:
    return state is None or state.status is StepStatus.APPROVED


def _is_completed(states: Mapping[Key, StepState], step_id: str) -> bool:
    state = states.get((step_id, 0))
    return state is not None and state.status is StepStatus.COMPLETED


def _begin(
    nodes: list[Node], states: Mapping[Key, StepState], approved: Collection[Key]
) -> Decision:
    start: list[Key] = []
    ask: list[Key] = []
    delay: list[Key] = []
    for node in nodes:
        key = (node.step.id, 0)
        must_ask = (
            node.step.requires_approval and key not in states and key not in approved
        )
        if must_ask:
            ask.append(key)
        elif node.step.delay:
            delay.append(key)
        else:
            start.append(key)
    return Decision(tuple(start), tuple(ask), tuple(delay))


_AT_WORK = {StepStatus.RUNNING, StepStatus.WAITING_APPROVAL, StepStatus.DELAYED}


def _end(
    definition: Definition,
    graph: Graph,
    states: Mapping[Key, StepState],
    is_paused: bool,
) -> End | None:
    if any(state.status in _AT_WORK for state in states.values()):
        return None
    if all(_is_completed(states, step_id) for step_id in graph):
        return End(EndStatus.COMPLETED)
    if is_paused and _ready(definition, graph, states):
        return None
    failed = [
        node.step.name
        for node in graph.values()
        if (state := states.get((node.step.id, 0)))
        and state.status is StepStatus.FAILED
    ]
    reason = f"Failed: {', '.join(failed)}"
    return End(EndStatus.FAILED, reason, StopReason.ERROR)


# --- Loops ------------------------------------------------------------------------------


def _decide_loop(
    definition: Definition,
    states: Mapping[Key, StepState],
    now: datetime,
    started_at: datetime,
    is_paused: bool,
    approved: Collection[Key],
) -> Decision:
    loop, step = definition.loop, definition.steps[0]
    assert loop is not None  # noqa: S101 (for the type checker)
    last = max((iteration for _, iteration in states), default=-1)
    state = states.get((step.id, last))
    if state and state.status in {StepStatus.RUNNING, StepStatus.WAITING_APPROVAL}:
        return Decision()
    if state and (end := _end_of_loop(loop, state, last, now - started_at)):
        return Decision(end=end)
    if is_paused:
        return Decision()
    if state and state.status is StepStatus.APPROVED:
        return Decision(start=((step.id, last),))
    key = (step.id, last + 1)
    if step.requires_approval and key[1] == 0 and key not in approved:
        return Decision(ask=(key,))
    return Decision(start=(key,))


def _end_of_loop(
    loop: Loop, state: StepState, last: int, took: timedelta
) -> End | None:
    if state.status is StepStatus.FAILED:
        reason = f"Iteration {last + 1} failed"
        return End(EndStatus.FAILED, reason, StopReason.ERROR)
    if state.status is not StepStatus.COMPLETED:
        return None
    if is_signaled(loop, state.result):
        return End(EndStatus.COMPLETED, stop_reason=StopReason.AGENT_SIGNALED)
    if last + 1 >= loop.count:
        return End(EndStatus.COMPLETED, stop_reason=StopReason.MAX_ITERATIONS)
    if loop.time_budget and took >= loop.time_budget:
        return End(EndStatus.COMPLETED, stop_reason=StopReason.TIME_BUDGET)
    return None


def is_signaled(loop: Loop, result: str) -> bool:
    """Tell whether the agent said that the loop is done, in upper or lower case."""
    text = result.casefold()
    return any(signal.casefold() in text for signal in loop.signals)
