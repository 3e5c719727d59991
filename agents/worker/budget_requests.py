"""Asks a person for more money where a budget says so: who raises its limit, or ends the run.

Nothing runs meanwhile: the agent was ended behind its last checkpoint, and goes on from there.
The request is a permission request, so it waits for days, and a later run finds it again.
"""

import math
from dataclasses import replace

from django.db import transaction

from agents.protocol.runtime import RuntimeFailed, ToolCall
from agents.worker.database import retry_until_written
from agents.worker.permissions import Gate
from agents.worker.recorder import Recorder
from agents.worker.spending import RunSpending
from ledger import budgets
from ledger.budgets import BudgetExceeded
from ledger.models import Budget
from ledger.pricing import dollars
from tasks.models import EventType, NewEntry, PermissionRequest
from tasks.payloads.log_entries import make_tool_use
from tasks.rules.budget_questions import (
    RAISE_TO,
    TOOL_NAME,
    make_action,
    make_tool_input,
)

CENT = 10_000  # microdollars
USD = 1_000_000


async def ask_for_budget(spending: RunSpending, gate: Gate, recorder: Recorder) -> None:
    """Return when no budget that asks is in the way; raise RuntimeFailed if a person says no.

    A budget that does not ask is left to the checks between the run's steps.
    """
    while exceeded := await retry_until_written(spending.find_exceeded):
        budget = exceeded.budget
        if budget is None or not exceeded.is_to_ask:
            break
        call = _make_call(exceeded, budget)
        decision = await gate.ask(call)
        if not decision.is_allowed:
            raise RuntimeFailed(f"{exceeded} Then resume.")
        wanted = decision.tool_input.get(RAISE_TO)
        await retry_until_written(_raise, recorder, call, budget, wanted)
    if recorder.run.attempt > 1:
        await retry_until_written(_withdraw, recorder)


def _withdraw(recorder: Recorder) -> None:
    """Take back what an earlier run asked: a new day, or somebody else, has made room."""
    asked = PermissionRequest.objects.filter(task_id=recorder.task_id)
    asked.pending().filter(tool_name=TOOL_NAME).withdraw()


def _make_call(exceeded: BudgetExceeded, budget: Budget) -> ToolCall:
    """Return the question: the same for as long as the limit and its window are."""
    limit = budget.limit_microdollars
    suggested = max(limit * 5 // 4, int(budget.spent_microdollars) * 5 // 4, CENT)
    resets_at = f"{budget.resets_at():%Y-%m-%d %H:%M} UTC"
    call = ToolCall(
        call_id=f"budget-{budget.pk}-{limit}-{resets_at}",
        tool_name=TOOL_NAME,
        tool_input=make_tool_input(
            str(budget),
            resets_at=resets_at,
            limit_usd=limit / USD,
            raise_to_usd=math.ceil(suggested / CENT) * CENT / USD,
        ),
        action=make_action(budget.pk),
        message=f"{exceeded.message} Allow raises it to {RAISE_TO}; deny ends the run.",
    )
    return replace(call, remake=lambda edited: replace(call, tool_input=edited))


def _raise(recorder: Recorder, call: ToolCall, budget: Budget, wanted: object) -> None:
    """Raise the limit as was allowed, and log it: the decision is used up by that."""
    limit = budget.limit_microdollars
    is_number = isinstance(wanted, int | float) and 0 < wanted <= 1_000_000
    to = round(float(wanted) * USD) if is_number else limit  # type: ignore[arg-type]
    message = f"The {budget} is raised to {dollars(to)} USD."
    if to <= limit:
        message = f"The {budget} is not raised: {RAISE_TO} is to be more than it is."
    with transaction.atomic():
        recorder.lock_task()
        if to > limit:
            budgets.raise_limit(budget.pk, above=limit, to=to)
        data = make_tool_use(TOOL_NAME, call.tool_input, call.call_id)
        entry = NewEntry(EventType.TOOL_USE, message, {**data, "action": call.action})
        recorder.append(entry)
