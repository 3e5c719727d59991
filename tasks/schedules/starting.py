"""Starts what a schedule is for: a task of its own each time."""

from datetime import datetime

from django.db import transaction

from ledger.budgets import BudgetExceeded
from ledger.pricing import dollars
from tasks import lifecycle
from tasks.exceptions import Refused
from tasks.models import Firing, Schedule, Task
from tasks.models.task import insert
from tasks.schedules import heartbeat

Refusal = Refused | BudgetExceeded
TITLE_LENGTH = 200


def start(
    schedule: Schedule, firing: Firing, *, by: str, now: datetime
) -> Refusal | None:
    """Start what `firing` is to start and write that down, or why it was refused.

    In the caller's transaction, which holds the schedule's row.
    """
    number = schedule.firing_count + 1
    try:
        with transaction.atomic():  # a refused task leaves nothing behind
            task = _make_task(schedule, number, by=by, now=now)
            lifecycle.execute(task, by=by)
    except (Refused, BudgetExceeded) as refusal:
        firing.status, firing.reason = Firing.Status.REFUSED, str(refusal)
        return refusal
    firing.status, firing.number, firing.task = Firing.Status.STARTED, number, task
    schedule.firing_count, schedule.last_fired_at = number, now
    return None


def _make_task(schedule: Schedule, number: int, *, by: str, now: datetime) -> Task:
    is_heartbeat = schedule.type == Schedule.Type.HEARTBEAT
    task = Task(
        title=_title(schedule.name, number),
        description=heartbeat.prompt_of(schedule) if is_heartbeat else schedule.prompt,
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
    insert(task)
    task.documents.set(schedule.documents.all())
    return task


def _spent(schedule: Schedule) -> str:
    budget = dollars(schedule.heartbeat_budget_microdollars or 0)
    return f"Today's heartbeat budget of {budget} USD is used up or held by a task."


def _title(name: str, number: int) -> str:
    end = f" (run #{number})"
    return name[: TITLE_LENGTH - len(end)] + end
