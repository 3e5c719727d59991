"""The workflow that an answer describes, ready for `POST /api/workflows/from-assist`."""

from typing import Any

import orjson

from tasks.workflows import references
from tasks.workflows.definition import MAX_NAME, InvalidDefinition
from tasks.workflows.definition_reader import parse
from tasks.workflows.graph import make_graph

JSON = dict[str, Any]

MAX_WORKERS = 5


def make_definition(answer: JSON) -> JSON | None:
    """Return the definition; None where one task does it all.

    A pattern that the steps do not fit becomes a sequence.
    """
    steps = [_step(number, one) for number, one in enumerate(answer["breakdown"])]
    pattern = answer["recommendedPattern"]
    if pattern == "loop":
        return _loop(answer)
    if pattern == "single" or not steps:
        return None
    made = _MAKERS.get(pattern, _sequence)(answer, steps)
    return made if _can_run(made) else _sequence(answer, steps)


def _can_run(definition: JSON) -> bool:
    try:
        parsed = parse(orjson.dumps(definition).decode())
        make_graph(parsed)
    except InvalidDefinition:
        return False
    return not references.find_problems(parsed)


def _step(number: int, given: JSON) -> JSON:
    step: JSON = {
        "id": _id(number),
        "name": _name(given["title"], f"Step {number + 1}"),
        "prompt": _prompt(given["description"], given["title"]),
    }
    if given["dependsOn"]:
        step["dependsOn"] = [_id(place) for place in given["dependsOn"]]
    if given.get("requiresApproval"):
        step["requiresApproval"] = True
    if profile := given.get("suggestedProfile"):
        step["agentProfile"] = profile
    return step


def _id(place: int) -> str:
    return f"step_{place + 1}"


def _name(title: str, otherwise: str) -> str:
    return " ".join(_storable(title).split())[:MAX_NAME] or otherwise


def _prompt(description: str, otherwise: str) -> str:
    told = _storable(description).strip() or _storable(otherwise).strip()
    return told or "Go on."


def _storable(text: str) -> str:
    return text.replace("\0", " ")  # which JSON can say, and no database takes


# --- By pattern -------------------------------------------------------------------------


def _parallel(answer: JSON, steps: list[JSON]) -> JSON:
    return {"pattern": "parallel", "steps": steps}


def _sequence(answer: JSON, steps: list[JSON]) -> JSON:
    """Each step after the one before it, with the results that it needs beside that one's."""
    return {
        "pattern": "sequence",
        "steps": [_depend_on_previous(steps, number) for number in range(len(steps))],
    }


def _depend_on_previous(steps: list[JSON], number: int) -> JSON:
    step, before = steps[number], {_id(number - 1)}
    named = set(step.get("dependsOn", ()))
    needed = sorted(named | before) if number and named else []
    return {**step, "dependsOn": needed} if needed else step


def _checkpoint(answer: JSON, steps: list[JSON]) -> JSON:
    made = {**_sequence(answer, steps), "pattern": "checkpoint"}
    if not any(step.get("requiresApproval") for step in steps):
        made["steps"][-1] = {**made["steps"][-1], "requiresApproval": True}
    return made


def _planner_executor(answer: JSON, steps: list[JSON]) -> JSON:
    return {
        "pattern": "planner-executor",
        "steps": [_lead(answer, "plan", "Plan"), *map(_alone, steps)],
    }


def _swarm(answer: JSON, steps: list[JSON]) -> JSON:
    workers = [_alone(step) for step in steps[:MAX_WORKERS]]
    for worker in workers:
        worker.pop("requiresApproval", None)
    merge = {
        "id": "merge",
        "name": "Merge",
        "prompt": f"Merge what the others made of this:\n\n{_goal(answer)}",
    }
    made: JSON = {
        "pattern": "swarm",
        "steps": [_lead(answer, "lead", "Lead"), *workers, merge],
    }
    if config := answer.get("suggestedSwarmConfig"):
        most = min(config["workerConcurrencyLimit"], len(workers))
        made["swarmConfig"] = {"workerConcurrencyLimit": most}
    return made


def _lead(answer: JSON, step_id: str, name: str) -> JSON:
    prompt = (
        f"Plan how to do this, for the agents that do its parts:\n\n{_goal(answer)}"
    )
    return {"id": step_id, "name": name, "prompt": prompt}


def _alone(step: JSON) -> JSON:
    """A step whose order the pattern gives."""
    return {name: value for name, value in step.items() if name != "dependsOn"}


def _loop(answer: JSON) -> JSON:
    config = answer.get("suggestedLoopConfig") or {"maxIterations": 3}
    step = {"id": "step_1", "name": "Work", "prompt": _goal(answer)}
    return {"pattern": "loop", "loopConfig": config, "steps": [step]}


def _goal(answer: JSON) -> str:
    return _prompt(answer["improvedDescription"], "")


_MAKERS = {
    "parallel": _parallel,
    "checkpoint": _checkpoint,
    "planner-executor": _planner_executor,
    "swarm": _swarm,
}
