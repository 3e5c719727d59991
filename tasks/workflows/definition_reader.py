"""Reads a workflow's definition from JSON; refuses it with all its problems, each with its place."""

import json
import re
from datetime import timedelta
from typing import Any, NoReturn

from tasks.catalog import EFFORTS
from tasks.catalog.model_names import MAX_CHARACTERS, find_name_problem
from tasks.workflows.definition import (
    DEFAULT_PRIORITY,
    DEFAULT_SIGNAL,
    DEFAULT_WORKERS_AT_ONCE,
    MAX_BUDGET_USD,
    MAX_DOCUMENTS,
    MAX_ITERATIONS,
    MAX_NAME,
    MAX_PROMPT,
    MAX_STEPS,
    Definition,
    InvalidDefinition,
    Loop,
    Pattern,
    Step,
)
from tasks.workflows.json_reader import JSONReader, is_number
from tasks.workflows.step_problems import find_step_problems


def parse(given: object) -> Definition:
    """Read a definition, an object or its JSON text, or raise InvalidDefinition."""
    data = _decode(given)
    problems: list[str] = []
    reader = JSONReader(data, problems)
    if "pattern" not in data or not data.get("steps"):
        raise InvalidDefinition(
            ["Definition must include pattern and at least one step"]
        )
    if data["pattern"] not in list(Pattern):
        names = "sequence, planner-executor, checkpoint, loop, parallel, swarm"
        raise InvalidDefinition([f"Pattern must be one of: {names}"])
    pattern = Pattern(data["pattern"])
    steps = tuple(_read_step(one) for one in reader.objects("steps", most=MAX_STEPS))
    loop = _read_loop(reader) if pattern is Pattern.LOOP else None
    definition = Definition(
        pattern,
        tuple(_add_agent_of_loop(reader, step) for step in steps) if loop else steps,
        loop=loop,
        workers_at_once=_read_workers_at_once(reader, len(steps) - 2)
        if pattern is Pattern.SWARM
        else None,
        source_task_id=reader.text("sourceTaskId", default="", longest=100, shortest=0),
        priority=_read_priority(reader),
    )
    problems += find_step_problems(definition)
    if problems:
        raise InvalidDefinition(list(dict.fromkeys(problems)))
    return definition


def _read_priority(reader: JSONReader) -> int:
    given = reader.number("priority", low=0, high=3, is_whole=True)
    return DEFAULT_PRIORITY if given is None else int(given)


def _decode(given: object) -> dict[str, Any]:
    if isinstance(given, str):
        try:
            given = json.loads(given, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise InvalidDefinition(
                [f"The definition is not valid JSON: {error}"]
            ) from error
    if not isinstance(given, dict):
        raise InvalidDefinition(["The definition must be a JSON object"])
    return given


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _read_step(reader: JSONReader) -> Step:
    delay = _read_delay(reader)
    if reader.flag("requiresInput"):
        reader.refuse(
            "requiresInput", "A step cannot ask for input; use requiresApproval"
        )
    budget = reader.number("budgetUsd", low=0, high=MAX_BUDGET_USD)
    if budget == 0:
        reader.refuse("budgetUsd", "Number must be greater than 0")
    step_id = reader.text("id", longest=100)
    if "/" in step_id:
        reader.refuse("id", "An id cannot contain a slash")
    profile = reader.text("agentProfile", default="", longest=100, shortest=0)
    return Step(
        id=step_id,
        name=reader.text("name", longest=MAX_NAME),
        prompt=reader.text(
            "prompt",
            default="" if delay else None,
            longest=MAX_PROMPT,
            shortest=0 if delay else 1,
        ),
        requires_approval=reader.flag("requiresApproval"),
        depends_on=reader.texts("dependsOn", most=MAX_STEPS),
        assigned_agent=_read_agent(reader),
        agent_profile="" if profile == "auto" else profile,
        model=_read_model(reader),
        effort=reader.choice("effort", EFFORTS),
        document_ids=reader.texts("documentIds", most=MAX_DOCUMENTS),
        budget_usd=budget,
        delay=delay,
    )


def _read_agent(reader: JSONReader) -> str:
    key = "assignedAgent" if reader.data.get("assignedAgent") else "runtimeId"
    return reader.text(key, default="", longest=40, shortest=0)


def _read_model(reader: JSONReader) -> str:
    model = reader.text("model", default="", longest=MAX_CHARACTERS, shortest=0)
    if model and (problem := find_name_problem(model)):
        reader.refuse("model", problem)
    return model


_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _read_delay(reader: JSONReader) -> timedelta | None:
    """Read "30m", "2h", "3d" or "1w": a step that only waits that long."""
    text = reader.text("delayDuration", default="", longest=20, shortest=0)
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{1,6})([mhdw])", text)
    delay = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
    if delay is None or not timedelta(minutes=1) <= delay <= timedelta(days=30):
        reader.refuse(
            "delayDuration",
            "Expected a number with m, h, d or w, from 1m to 30d",
        )
    if reader.data.get("prompt"):
        reader.refuse("prompt", "A step with delayDuration only waits: leave it out")
    if reader.data.get("requiresApproval"):
        reader.refuse("requiresApproval", "A step that only waits asks for nothing")
    return delay


def _read_loop(reader: JSONReader) -> Loop | None:
    message = "Loop pattern requires loopConfig with maxIterations >= 1"
    config = reader.object("loopConfig")
    if config is None:
        reader.refuse("", message)
        return None
    items = config.texts("items", most=MAX_ITERATIONS, longest=2_000)
    given: Any = config.data.get("maxIterations", len(items) or None)
    if not is_number(given) or given < 1 or given % 1:
        reader.refuse("", message)
        return None
    if given > MAX_ITERATIONS:
        config.refuse("maxIterations", f"Number must be at most {MAX_ITERATIONS:,}")
    time_budget = config.number("timeBudgetMs", low=1, high=30 * 86_400_000)
    return Loop(
        int(given),
        timedelta(milliseconds=time_budget) if time_budget else None,
        config.texts("completionSignals", most=20) or (DEFAULT_SIGNAL,),
        items,
        config.text("itemVariable", default="item", longest=50),
    )


def _add_agent_of_loop(reader: JSONReader, step: Step) -> Step:
    """Let the loop's own agent and profile count where its step names none."""
    config = reader.object("loopConfig")
    if config is None:
        return step
    profile = config.text("agentProfile", default="", longest=100, shortest=0)
    agent = config.text("assignedAgent", default="", longest=40, shortest=0)
    return Step(
        **{
            **vars(step),
            "assigned_agent": step.assigned_agent or agent,
            "agent_profile": step.agent_profile
            or ("" if profile == "auto" else profile),
        }
    )


def _read_workers_at_once(reader: JSONReader, workers: int) -> int | None:
    config = reader.object("swarmConfig")
    given: Any = config.data.get("workerConcurrencyLimit") if config else None
    if given is None:
        return min(DEFAULT_WORKERS_AT_ONCE, max(workers, 1))
    if not is_number(given) or not 1 <= given <= workers or given % 1:
        reader.refuse(
            "", f"Swarm worker concurrency limit must be between 1 and {workers}"
        )
        return None
    return int(given)
