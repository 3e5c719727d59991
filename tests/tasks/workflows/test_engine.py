"""What comes next in a run: by examples, and by random definitions and histories.

`World` is what `advance` is to the engine: it keeps the states and does what is decided. The
random histories have completions in any order, failures, denials, retries, pauses and crashes.
"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.workflows.definition_reader import parse
from tasks.workflows.engine import (
    EndStatus,
    StepState,
    StepStatus,
    StopReason,
    blocked_by,
    decide,
)
from tasks.workflows.graph import make_graph

START = datetime(2026, 1, 1, tzinfo=UTC)
LIVE = {StepStatus.RUNNING, StepStatus.WAITING_APPROVAL, StepStatus.DELAYED}


class World:
    """The rows of one run. It checks each decision before it does it."""

    def __init__(self, given):
        self.definition = parse(given)
        self.graph = make_graph(self.definition)
        self.states = {}
        self.approved = set()
        self.starts = []  # of each attempt
        self.now = START
        self.is_paused = False
        self.end = None

    def decide(self):
        return decide(
            self.definition,
            self.states,
            now=self.now,
            started_at=START,
            is_paused=self.is_paused,
            approved=self.approved,
        )

    def advance(self):
        decision = self.decide()
        self._check(decision)
        for key in decision.complete:
            self.states[key] = StepState(StepStatus.COMPLETED)
        for key in decision.start:
            self.states[key] = StepState(StepStatus.RUNNING)
            self.starts.append(key)
        for key in decision.ask:
            self.states[key] = StepState(StepStatus.WAITING_APPROVAL)
        for key in decision.delay:
            delay = self.definition.step(key[0]).delay
            self.states[key] = StepState(StepStatus.DELAYED, self.now + delay)
        self.end = decision.end
        return decision

    def _check(self, decision):
        begun = [*decision.start, *decision.ask, *decision.delay]
        assert len(begun) == len(set(begun))
        assert not (begun and decision.end)
        assert not (begun and self.is_paused)
        done = {k for k, s in self.states.items() if s.status is StepStatus.COMPLETED}
        done |= set(decision.complete)
        for step_id, iteration in begun:
            state = self.states.get((step_id, iteration))
            assert state is None or state.status is StepStatus.APPROVED
            for other in self.graph[step_id].waits_for:
                assert (other, iteration) in done
            if iteration:
                assert (step_id, iteration - 1) in done

    def finish(self, key, status=StepStatus.COMPLETED, result=""):
        assert self.states[key].status is StepStatus.RUNNING
        self.states[key] = StepState(status, result=result)

    def approve(self, key):
        self.approved.add(key)
        self.states[key] = StepState(StepStatus.APPROVED)

    def deny(self, key):
        self.states[key] = StepState(StepStatus.FAILED)

    def retry(self, key):
        assert self.states.pop(key).status is StepStatus.FAILED
        self.end = None

    def of(self, status):
        return [key for key, state in self.states.items() if state.status is status]


def step(step_id, **fields):
    return {"id": step_id, "name": step_id, "prompt": "p", **fields}


def ids(keys):
    return [step_id for step_id, _ in keys]


# --- Examples ---------------------------------------------------------------------------


def test_a_sequence_goes_one_by_one_and_ends_completed():
    world = World({"pattern": "sequence", "steps": [step("a"), step("b")]})

    assert ids(world.advance().start) == ["a"]
    assert not world.advance().has_starts
    world.finish(("a", 0))
    assert ids(world.advance().start) == ["b"]
    world.finish(("b", 0))
    assert world.advance().end.status is EndStatus.COMPLETED


def test_a_failed_step_ends_the_run_once_nothing_else_can_go_on():
    steps = [step("a"), step("b"), step("c", dependsOn=["a", "b"])]
    world = World({"pattern": "parallel", "steps": steps})
    world.advance()
    world.finish(("a", 0), StepStatus.FAILED)

    assert world.advance().end is None  # b still runs
    world.finish(("b", 0))
    end = world.advance().end
    assert end.status is EndStatus.FAILED
    assert end.reason == "Failed: a"
    assert blocked_by(world.graph["c"], world.states, world.graph) == ("a",)


def test_a_retry_goes_on_to_what_depended_on_it():
    world = World({"pattern": "sequence", "steps": [step("a"), step("b"), step("c")]})
    world.advance()
    world.finish(("a", 0), StepStatus.FAILED)
    assert world.advance().end.status is EndStatus.FAILED

    world.retry(("a", 0))
    for name in "abc":
        assert ids(world.advance().start) == [name]
        world.finish((name, 0))
    assert world.advance().end.status is EndStatus.COMPLETED


def test_paused_starts_nothing_lets_running_ones_end_and_goes_on():
    world = World({"pattern": "sequence", "steps": [step("a"), step("b")]})
    world.advance()
    world.is_paused = True
    world.finish(("a", 0))

    decision = world.advance()
    assert not decision.has_starts
    assert decision.end is None
    world.is_paused = False
    assert ids(world.advance().start) == ["b"]


def test_an_approval_comes_before_its_step_and_a_denial_fails_it():
    steps = [step("a"), step("b", requiresApproval=True)]
    world = World({"pattern": "checkpoint", "steps": steps})
    world.advance()
    world.finish(("a", 0))
    assert ids(world.advance().ask) == ["b"]
    assert not world.advance().has_starts

    world.deny(("b", 0))
    assert world.advance().end.status is EndStatus.FAILED
    world.retry(("b", 0))
    assert ids(world.advance().ask) == ["b"]  # nobody has allowed it yet
    world.approve(("b", 0))
    assert ids(world.advance().start) == ["b"]
    world.finish(("b", 0), StepStatus.FAILED)
    world.advance()
    world.retry(("b", 0))
    assert ids(world.advance().start) == ["b"]  # it was allowed already


def test_a_delay_is_waited_for():
    wait = {"id": "w", "name": "Wait", "delayDuration": "30m"}
    world = World({"pattern": "sequence", "steps": [step("a"), wait, step("b")]})
    world.advance()
    world.finish(("a", 0))
    assert ids(world.advance().delay) == ["w"]
    assert world.decide().wake_at == START + timedelta(minutes=30)

    world.now += timedelta(minutes=31)
    decision = world.advance()
    assert ids(decision.complete) == ["w"]
    assert ids(decision.start) == ["b"]


def test_a_swarm_has_no_more_workers_at_once_than_its_limit():
    steps = [step(name) for name in ("m", "a", "b", "c", "r")]
    world = World(
        {
            "pattern": "swarm",
            "steps": steps,
            "swarmConfig": {"workerConcurrencyLimit": 2},
        }
    )
    world.advance()
    world.finish(("m", 0))
    assert ids(world.advance().start) == ["a", "b"]
    world.finish(("b", 0))
    assert ids(world.advance().start) == ["c"]
    world.finish(("a", 0))
    assert not world.advance().has_starts
    world.finish(("c", 0))
    assert ids(world.advance().start) == ["r"]


def loop(**config):
    return {"pattern": "loop", "steps": [step("a")], "loopConfig": config}


def iterate(world, *results, minutes=0):
    for number, result in enumerate(results):
        world.advance()
        world.now += timedelta(minutes=minutes)
        world.finish(("a", number), result=result)
    return world.advance().end


@pytest.mark.parametrize(
    ("config", "results", "minutes", "reason"),
    [
        ({"maxIterations": 2}, ["x", "y"], 0, StopReason.MAX_ITERATIONS),
        ({"maxIterations": 9}, ["x", "loop_complete."], 0, StopReason.AGENT_SIGNALED),
        (
            {"maxIterations": 9, "completionSignals": ["Ready"]},
            ["ALREADY"],
            0,
            StopReason.AGENT_SIGNALED,
        ),
        (
            {"maxIterations": 9, "timeBudgetMs": 90_000},
            ["x", "y"],
            1,
            StopReason.TIME_BUDGET,
        ),
        (
            {"maxIterations": 9, "items": ["p", "q", "r"]},
            ["x", "y", "z"],
            0,
            StopReason.MAX_ITERATIONS,
        ),
    ],
)
def test_a_loop_stops_by(config, results, minutes, reason):
    end = iterate(World(loop(**config)), *results, minutes=minutes)

    assert end.status is EndStatus.COMPLETED
    assert end.stop_reason is reason


def test_a_failed_iteration_fails_the_run():
    world = World(loop(maxIterations=3))
    iterate(world, "x")
    world.finish(("a", 1), StepStatus.FAILED)

    end = world.advance().end
    assert (end.status, end.stop_reason) == (EndStatus.FAILED, StopReason.ERROR)
    world.retry(("a", 1))
    assert world.advance().start == (("a", 1),)


# --- Random definitions and histories -----------------------------------------------------


@st.composite
def definitions(draw):
    count = draw(st.integers(1, 7))
    names = [f"s{number}" for number in range(count)]
    pattern = draw(
        st.sampled_from(["sequence", "checkpoint", "parallel", "loop"])
        if count < 4
        else st.sampled_from(
            ["sequence", "checkpoint", "parallel", "planner-executor", "swarm"]
        )
    )
    if pattern == "swarm":
        limit = draw(st.integers(1, count - 2))
        return {
            "pattern": pattern,
            "steps": [step(name) for name in names],
            "swarmConfig": {"workerConcurrencyLimit": limit},
        }
    if pattern == "loop":
        needs = draw(st.booleans())
        return {
            "pattern": pattern,
            "steps": [step("s0", requiresApproval=needs)],
            "loopConfig": {"maxIterations": draw(st.integers(1, 4))},
        }
    return {"pattern": pattern, "steps": [draw(steps(names, n)) for n in range(count)]}


@st.composite
def steps(draw, names, number):
    before = names[:number]
    depends = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
    if draw(st.integers(0, 5)) == 0:
        return {
            "id": names[number],
            "name": "wait",
            "delayDuration": "1h",
            "dependsOn": depends,
        }
    needs = draw(st.integers(0, 3)) == 0
    return step(names[number], dependsOn=depends, requiresApproval=needs)


ACTS = [
    "complete",
    "fail",
    "approve",
    "deny",
    "later",
    "pause",
    "go on",
    "retry",
    "crash",
]


def act(world, what, pick):
    """Let something happen that people, agents and machines do."""
    chosen = {
        "complete": StepStatus.RUNNING,
        "fail": StepStatus.RUNNING,
        "approve": StepStatus.WAITING_APPROVAL,
        "deny": StepStatus.WAITING_APPROVAL,
        "retry": StepStatus.FAILED,
    }
    if what in chosen:
        if keys := world.of(chosen[what]):
            key = keys[pick % len(keys)]
            match what:
                case "complete":
                    world.finish(key)
                case "fail":
                    world.finish(key, StepStatus.FAILED)
                case _:
                    getattr(world, what)(key)
    elif what == "later":
        world.now += timedelta(hours=1)
    elif what == "crash":
        world.decide()  # and nothing of it is written
    else:
        world.is_paused = what == "pause"


@settings(max_examples=300, deadline=None)
@given(
    definitions(),
    st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 9)), max_size=40),
)
def test_never_twice_never_too_early_and_always_an_end(definition, history):
    world = World(definition)
    for what, pick in history:
        world.advance()
        act(world, what, pick)
    world.is_paused = False

    for _ in range(200):
        world.advance()
        if world.end:
            break
        for key in world.of(StepStatus.WAITING_APPROVAL):
            world.approve(key)
        for key in world.of(StepStatus.RUNNING):
            world.finish(key)
        world.now += timedelta(hours=1)

    assert world.end
    failed = world.of(StepStatus.FAILED)
    assert (world.end.status is EndStatus.FAILED) == bool(failed)
    assert not any(world.of(status) for status in LIVE)


@settings(max_examples=200, deadline=None)
@given(definitions())
def test_without_failures_each_step_is_started_exactly_once(definition):
    world = World(definition)
    for _ in range(200):
        if world.advance().end:
            break
        assert not world.advance().has_starts  # all was done at once
        for key in world.of(StepStatus.WAITING_APPROVAL):
            world.approve(key)
        for key in world.of(StepStatus.RUNNING)[:1]:
            world.finish(key)
        world.now += timedelta(hours=1)

    assert world.end.status is EndStatus.COMPLETED
    assert len(world.starts) == len(set(world.starts))
    if not world.definition.loop:
        expected = {(s.id, 0) for s in world.definition.steps if not s.delay}
        assert set(world.starts) == expected
