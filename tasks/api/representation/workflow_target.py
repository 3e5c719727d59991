"""A dry run: what each step would get, and what would refuse it. It starts nothing."""

from typing import Any

from django.db import transaction

from ledger import budgets
from ledger.budgets import BudgetExceeded
from tasks import catalog, lifecycle
from tasks.exceptions import Refused
from tasks.models import Task, Workflow
from tasks.models.ids import new_id
from tasks.workflows.definition import Step
from tasks.workflows.definition_reader import parse
from tasks.workflows.step_tasks import describe

JSON = dict[str, Any]


def represent_target(workflow: Workflow) -> JSON:
    """Return, for each step, its runtime, profile, model and budget, or why it would not start."""
    definition = parse(workflow.definition)
    steps = [
        _target(workflow, step, describe(definition.loop, step, 0))
        for step in definition.steps
    ]
    return {
        "workflowId": str(workflow.pk),
        "isReady": not any(step["refusal"] for step in steps),
        "steps": steps,
    }


def _target(workflow: Workflow, step: Step, description: str) -> JSON:
    shown: JSON = {
        "stepId": step.id,
        "name": step.name,
        **dict.fromkeys(
            ("runtime", "profile", "model", "effort", "budgetUsd", "refusal")
        ),
    }
    if step.delay:
        return shown
    task = Task(
        title=f"[Workflow] {step.name}",
        description=description,
        project_id=workflow.project_id,
        assigned_agent=step.assigned_agent,
        agent_profile=step.agent_profile,
        model=step.model,
        effort=step.effort,
        workflow_id=workflow.pk,
        max_budget_microdollars=None
        if step.budget_usd is None
        else round(step.budget_usd * 1_000_000),
    )
    try:
        runtime, profile = lifecycle.choose_runtime_and_profile(task)
        choice = lifecycle.choose_model(task, runtime, profile)
    except Refused as refusal:
        return {**shown, "refusal": str(refusal)}
    budget = lifecycle.choose_budget(task, profile)
    return {
        **shown,
        "runtime": runtime,
        "profile": profile,
        "model": choice.model or _find_model(runtime),
        "effort": choice.effort or None,
        "budgetUsd": budget / 1_000_000,
        "refusal": _budget_refusal(task, runtime, budget),
    }


def _find_model(runtime: str) -> str | None:
    facts = catalog.runtime(runtime)
    return (facts.model() or None) if facts else None


def _budget_refusal(task: Task, runtime: str, budget: int) -> str | None:
    """Reserve what a run would, and take it back."""
    with transaction.atomic():
        try:
            with transaction.atomic():
                budgets.reserve(
                    task_id=task.pk,
                    run_id=new_id(),
                    runtime=runtime,
                    project_id=task.project_id,
                    task_limit_microdollars=budget,
                )
        except BudgetExceeded as error:
            return str(error)
        finally:
            transaction.set_rollback(True)
    return None
