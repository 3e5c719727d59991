"""Starts what a schedule is for: a task of its own each time, or a run of a workflow."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from ledger.budgets import BudgetExceeded
from ledger.pricing import dollars
from tasks import audit, lifecycle
from tasks.audit import Author
from tasks.exceptions import Conflict, Refused
from tasks.models import Firing, Schedule, Task, Way, Workflow
from tasks.schedules import heartbeat
from tasks.workflows.definition import InvalidDefinition
from tasks.workflows.start import start as start_workflow

Refusal = Refused | BudgetExceeded | Conflict
TITLE_LENGTH = 200


def start(
    schedule: Schedule, firing: Firing, *, by: str, now: datetime
) -> Refusal | None:
    """Start what `firing` is to start and write that down, or why it was refused.

    In the caller's transaction, which holds the schedule's row.
    """
    firing.number = schedule.firing_count + 1
    try:
        with transaction.atomic():  # what is refused leaves nothing behind
            if schedule.workflow:
                firing.workflow_run = _start_workflow(schedule.workflow, by=by)
            else:
                firing.task = _start_task(schedule, firing.number, by=by, now=now)
    except (Refused, BudgetExceeded) as refusal:
        return _note(firing, Firing.Status.REFUSED, refusal)
    except Conflict as overlap:  # somebody else has the workflow in hand
        return _note(firing, Firing.Status.SKIPPED, overlap)
    firing.status = Firing.Status.STARTED
    schedule.firing_count, schedule.last_fired_at = firing.number, now
    return None


def _note(firing: Firing, status: Firing.Status, refusal: Refusal) -> Refusal:
    firing.status, firing.number, firing.reason = status, None, str(refusal)
    return refusal


def _start_workflow(workflow: Workflow, *, by: str) -> UUID:
    try:
        return start_workflow(workflow, by=by).pk
    except InvalidDefinition as error:
        raise Refused(f"The workflow cannot run: {error}") from error


def _start_task(schedule: Schedule, number: int, *, by: str, now: datetime) -> Task:
    if schedule.is_empty:
        raise Refused("There is nothing to start: the schedule's workflow was deleted.")
    task = _make_task(schedule, number, by=by, now=now)
    lifecycle.execute(task, by=by)
    return task


def _make_task(schedule: Schedule, number: int, *, by: str, now: datetime) -> Task:
    is_heartbeat = schedule.type == Schedule.Type.HEARTBEAT
    task = Task(
        title=_title(schedule.name, number),
        description=heartbeat.make_prompt(schedule)
        if is_heartbeat
        else schedule.prompt,
        project_id=schedule.project_id,
        assigned_agent=schedule.assigned_agent,
        agent_profile=schedule.agent_profile,
        schedule=schedule,
        created_by=by,
    )
    if (left := heartbeat.left_today(schedule, now)) is not None:
        if left == 0:
            raise BudgetExceeded(_spent(schedule))
        heartbeat.bound_to(task, left)
    author = Author(Way.SCHEDULE, name=by)
    after = {"schedule": str(schedule.pk), "number": number}
    entry = audit.make_entry(author, "create", task, after=after)
    Task.objects.insert(task, beside=[audit.insert_of(entry)])
    task.documents.set(schedule.documents.all())
    return task


def _spent(schedule: Schedule) -> str:
    budget = dollars(schedule.heartbeat_budget_microdollars or 0)
    return f"Today's heartbeat budget of {budget} USD is used up or held by a task."


def _title(name: str, number: int) -> str:
    end = f" (run #{number})"
    return name[: TITLE_LENGTH - len(end)] + end
