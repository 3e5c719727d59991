"""The workflow that an assist's answer becomes: one that can run, whatever the model says."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tasks.assist.answer import clean_answer
from tasks.assist.definition import make_definition
from tasks.assist.question import COMPLEXITIES, PATTERNS, answer_schema
from tasks.catalog.json_schemas import mismatches
from tasks.workflows import references
from tasks.workflows.definition_reader import parse
from tasks.workflows.graph import make_graph
from tests.tasks.assist.answers import ANSWER, answer

# Profiles are rows, too.
pytestmark = pytest.mark.django_db


def definition(*steps, **fields):
    return make_definition(clean_answer(answer(*steps, **fields)))


def ids(found):
    return [step["id"] for step in found["steps"]]


def test_the_sample_answer_is_one_that_the_schema_takes():
    assert mismatches(answer_schema(), ANSWER) == []


def test_the_first_step_of_the_breakdown_is_the_first_of_the_workflow():
    found = definition(
        {"title": "A"}, {"title": "B", "dependsOn": [0]}, pattern="parallel"
    )
    assert ids(found) == ["step_1", "step_2"]
    assert found["steps"][1]["dependsOn"] == ["step_1"]


def test_in_a_sequence_a_step_waits_for_the_one_before_it_and_those_it_needs():
    found = definition({}, {}, {"dependsOn": [0]}, {})
    needed = [step.get("dependsOn") for step in found["steps"]]
    assert needed == [None, None, ["step_1", "step_2"], None]


def test_a_step_cannot_wait_for_itself_or_for_what_comes_later():
    found = definition({"dependsOn": [0, 1, 7]}, {}, pattern="parallel")
    assert "dependsOn" not in found["steps"][0]


def test_a_checkpoint_without_any_approval_asks_before_its_last_step():
    found = definition({}, {}, pattern="checkpoint")
    assert [s.get("requiresApproval", False) for s in found["steps"]] == [False, True]


def test_a_plan_comes_before_the_steps_that_go_by_it():
    found = definition({}, {}, pattern="planner-executor")
    assert ids(found) == ["plan", "step_1", "step_2"]


def test_a_swarm_has_a_lead_and_a_merge():
    config = {"workerConcurrencyLimit": 5}
    found = definition({}, {}, {}, pattern="swarm", suggestedSwarmConfig=config)
    assert ids(found) == ["lead", "step_1", "step_2", "step_3", "merge"]
    assert found["swarmConfig"] == {"workerConcurrencyLimit": 3}


def test_a_swarm_of_one_is_a_sequence():
    assert definition({}, pattern="swarm")["pattern"] == "sequence"


def test_a_loop_does_all_of_it_again():
    config = {"maxIterations": 4, "timeBudgetMs": None}
    found = definition(pattern="loop", suggestedLoopConfig=config)
    assert found["loopConfig"] == {"maxIterations": 4}
    assert found["steps"][0]["prompt"] == ANSWER["improvedDescription"]


@pytest.mark.parametrize("fields", [{"pattern": "single"}, {"pattern": "parallel"}])
def test_where_one_task_does_it_all_there_is_none(fields):
    assert definition(**fields) is None


_steps = some.fixed_dictionaries(
    {
        "title": some.text(max_size=20),
        "description": some.text(max_size=20),
        "suggestedProfile": some.sampled_from([None, "researcher", "general"]),
        "requiresApproval": some.booleans(),
        "dependsOn": some.lists(some.integers(0, 9), max_size=4),
    }
)
_answers = some.fixed_dictionaries(
    {
        "improvedDescription": some.text(max_size=20),
        "breakdown": some.lists(_steps, max_size=8),
        "recommendedPattern": some.sampled_from(PATTERNS),
        "complexity": some.sampled_from(COMPLEXITIES),
        "needsCheckpoint": some.booleans(),
        "reasoning": some.text(max_size=20),
        "suggestedLoopConfig": some.none()
        | some.fixed_dictionaries(
            {
                "maxIterations": some.integers(1, 50),
                "timeBudgetMs": some.none() | some.integers(1, 10**9),
            }
        ),
        "suggestedSwarmConfig": some.none()
        | some.fixed_dictionaries({"workerConcurrencyLimit": some.integers(1, 5)}),
    }
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_answers)
def test_whatever_the_schema_allows_becomes_a_workflow_that_can_run(said):
    assert mismatches(answer_schema(), said) == []
    found = make_definition(clean_answer(said))
    if found is not None:
        parsed = parse(found)
        make_graph(parsed)
        assert references.find_problems(parsed) == []
