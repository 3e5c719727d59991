"""What a definition may say, and what is refused, with its place."""

import json
from datetime import timedelta

import pytest

from tasks.workflows.definition import InvalidDefinition
from tasks.workflows.definition_reader import parse
from tasks.workflows.graph import make_graph


def step(step_id, **fields):
    return {"id": step_id, "name": step_id.title(), "prompt": "finish: ok", **fields}


def sequence(*steps, **fields):
    return {"pattern": "sequence", "steps": list(steps), **fields}


def find_problems(given):
    with pytest.raises(InvalidDefinition) as error:
        make_graph(parse(given))
    return error.value.problems


def waits(given):
    return {key: node.waits_for for key, node in make_graph(parse(given)).items()}


def reads(given):
    return {key: node.reads for key, node in make_graph(parse(given)).items()}


def test_an_object_and_its_text_are_the_same_definition():
    given = sequence(step("a"), step("b"))

    assert parse(given) == parse(json.dumps(given))


def test_unknown_keys_are_ignored():
    assert parse(sequence(step("a", colour="red"), version=3)).step("a").name == "A"


def test_auto_is_a_profile_that_is_chosen():
    assert parse(sequence(step("a", agentProfile="auto"))).steps[0].agent_profile == ""


def test_a_step_may_wait():
    waiting = {"id": "w", "name": "Wait", "delayDuration": "2h"}

    assert parse(sequence(waiting)).steps[0].delay == timedelta(hours=2)


REFUSED = [
    ([], "The definition must be a JSON object"),
    ("{", "The definition is not valid JSON"),
    ({}, "Definition must include pattern and at least one step"),
    (
        {"pattern": "sequence", "steps": []},
        "Definition must include pattern and at least one step",
    ),
    (
        {"pattern": "ring", "steps": [step("a")]},
        "Pattern must be one of: sequence, planner-executor, checkpoint, loop, parallel, swarm",
    ),
    ({"pattern": ["x"], "steps": [step("a")]}, "Pattern must be one of"),
    ({"pattern": "sequence", "steps": "a"}, "steps: Expected array, received string"),
    (sequence("a"), "steps.0: Expected object, received string"),
    (sequence({"name": "A", "prompt": "p"}), "steps.0.id: Required"),
    (sequence({"id": "a", "prompt": "p"}), "steps.0.name: Required"),
    (sequence({"id": "a", "name": "A"}), "steps.0.prompt: Required"),
    (sequence(step("a", prompt="")), "steps.0.prompt: String must contain 1 to 20,000"),
    (sequence(step("a", prompt="  ")), "steps.0.prompt: String must contain"),
    (sequence(step("a", prompt="a\0")), "steps.0.prompt: String must be storable"),
    (sequence(step("a", name="\ud800")), "steps.0.name: String must be storable"),
    (sequence(step("a", name="n" * 171)), "steps.0.name: String must contain 1 to 170"),
    (sequence(step("a/b")), "steps.0.id: An id cannot contain a slash"),
    (sequence(step("a"), step("a")), "steps.1.id: Another step has this id, too: a"),
    (
        sequence(step("a", dependsOn=["x"])),
        "steps.0.dependsOn: There is no step with the id x",
    ),
    (
        sequence(step("a", dependsOn=["a"])),
        "steps.0.dependsOn: A step cannot depend on itself",
    ),
    (
        sequence(step("a"), step("b", dependsOn=["a", "a"])),
        "steps.1.dependsOn: A step is named twice",
    ),
    (
        sequence(step("a", dependsOn=["b"]), step("b")),
        "steps.0.dependsOn: Steps wait for each other: a → b → a",
    ),
    (
        sequence(step("a", dependsOn="b")),
        "steps.0.dependsOn: Expected array, received string",
    ),
    (
        sequence(step("a", requiresApproval="yes")),
        "steps.0.requiresApproval: Expected boolean, received string",
    ),
    (
        sequence(step("a", budgetUsd=0)),
        "steps.0.budgetUsd: Number must be greater than 0",
    ),
    (
        sequence(step("a", budgetUsd=1e99)),
        "steps.0.budgetUsd: Number must be from 0 to 10,000",
    ),
    (
        sequence(step("a", delayDuration="2h")),
        "steps.0.prompt: A step with delayDuration",
    ),
    (
        sequence({"id": "w", "name": "W", "delayDuration": "31d"}),
        "steps.0.delayDuration: Expected a number with m, h, d or w, from 1m to 30d",
    ),
    (
        sequence(step("a", requiresInput=True)),
        "steps.0.requiresInput: A step cannot ask",
    ),
    (
        {"pattern": "loop", "steps": [step("a")]},
        "Loop pattern requires loopConfig with maxIterations >= 1",
    ),
    (
        {"pattern": "loop", "steps": [step("a")], "loopConfig": {"maxIterations": 0}},
        "Loop pattern requires loopConfig with maxIterations >= 1",
    ),
    (
        {
            "pattern": "loop",
            "steps": [step("a"), step("b")],
            "loopConfig": {"maxIterations": 2},
        },
        "steps.1: Loop pattern repeats one step; this one would never run",
    ),
    (
        {
            "pattern": "loop",
            "steps": [step("a")],
            "loopConfig": {"maxIterations": 2000},
        },
        "loopConfig.maxIterations: Number must be at most 1,000",
    ),
    (
        {"pattern": "swarm", "steps": [step("a"), step("b"), step("c")]},
        "Swarm pattern requires a mayor step, 2-5 worker steps, and a refinery step",
    ),
    (
        {
            "pattern": "swarm",
            "steps": [step("a"), step("b", dependsOn=["a"]), step("c"), step("d")],
        },
        "Swarm steps use fixed mayor/worker/refinery ordering and cannot declare dependencies",
    ),
    (
        {
            "pattern": "swarm",
            "steps": [step(name) for name in "abcd"],
            "swarmConfig": {"workerConcurrencyLimit": 3},
        },
        "Swarm worker concurrency limit must be between 1 and 2",
    ),
    (
        {"pattern": "planner-executor", "steps": [step("a")]},
        "steps: Planner-executor pattern requires a planner and at least one more step",
    ),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_refuses_with_the_place(given, message):
    assert any(problem.startswith(message) for problem in find_problems(given))


def test_tells_all_problems_at_once():
    given = sequence(step("a", prompt=1), step("a", budgetUsd=-1))

    assert len(find_problems(given)) == 4


def test_no_problem_is_told_by_an_exception():
    """Whatever JSON comes, it is read or refused."""
    odd = [None, True, 0, -1.5, "", "x", [], [1], {}, {"a": 1}]
    for value in odd:
        for key in (
            *step("a"),
            "dependsOn",
            "documentIds",
            "delayDuration",
            "runtimeId",
        ):
            try:
                make_graph(parse(sequence(step("a") | {key: value})))
            except InvalidDefinition as error:
                assert error.problems  # noqa: PT017


# --- The patterns as a graph ------------------------------------------------------------


def test_in_a_sequence_each_step_waits_for_the_one_before_it_or_for_those_it_names():
    given = sequence(step("a"), step("b"), step("c", dependsOn=["a"]), step("d"))

    assert waits(given) == {"a": (), "b": ("a",), "c": ("a",), "d": ("c",)}


def test_parallel_is_a_free_graph():
    steps = [step("a"), step("b"), step("c", dependsOn=["a", "b"])]

    assert waits({"pattern": "parallel", "steps": steps}) == {
        "a": (),
        "b": (),
        "c": ("a", "b"),
    }


def test_each_executor_reads_the_plan_and_not_the_others():
    given = {
        "pattern": "planner-executor",
        "steps": [step("plan"), step("a"), step("b")],
    }

    assert reads(given) == {"plan": (), "a": ("plan",), "b": ("plan",)}
    assert waits(given) == {"plan": (), "a": ("plan",), "b": ("a",)}


def test_what_comes_after_a_delay_reads_what_was_before_it():
    given = sequence(
        step("a"), {"id": "w", "name": "W", "delayDuration": "1h"}, step("b")
    )

    assert reads(given)["b"] == ("a",)
    assert waits(given)["b"] == ("w",)


def test_of_a_swarm_the_refinery_waits_for_all_workers():
    given = {"pattern": "swarm", "steps": [step(name) for name in "mabr"]}

    assert waits(given) == {"m": (), "a": ("m",), "b": ("m",), "r": ("a", "b")}
    assert parse(given).workers_at_once == 2


def test_a_loop_over_items_has_as_many_iterations():
    given = {
        "pattern": "loop",
        "steps": [step("a")],
        "loopConfig": {"items": ["x", "y"]},
    }

    assert parse(given).loop.count == 2
