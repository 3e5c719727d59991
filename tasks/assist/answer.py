"""What came of an assist: its answer, as far as it makes sense, or why there is none."""

from typing import Any

import orjson

from ledger.models import LedgerEntry
from tasks import lifecycle
from tasks.assist.definition import make_definition
from tasks.models import Run, Task

JSON = dict[str, Any]

MAX_DESCRIPTION = 2_000  # of a task
NONSENSE = (
    "This comes from the embedded model, which is tiny and free: its form is right and its"
    " content is nonsense. Set ANTHROPIC_API_KEY for a real one."
)


class NotAnswered(Exception):
    """There is no answer. The message says why and what to do."""


class TooLate(NotAnswered):
    """There was none in the time that it had; it is cancelled."""


def read_answer(task: Task) -> JSON:
    """Return the answer of an assist that has ended, or raise NotAnswered."""
    run = task.runs.order_by("-attempt").first()
    if task.status != Task.Status.COMPLETED or run is None:
        raise NotAnswered(_why_not(task, run))
    answer = clean_answer(orjson.loads(task.result))
    return {
        **answer,
        "definition": make_definition(answer),
        "assistId": str(task.pk),
        "runtime": run.runtime,
        **_sum_usage(task),
    }


def clean_answer(given: JSON) -> JSON:
    """Return what the model said, as far as it makes sense, in the API's form."""
    return {
        **_drop_nulls(given),
        "improvedDescription": given["improvedDescription"][:MAX_DESCRIPTION],
        "breakdown": _clean_steps(given["breakdown"]),
    }


def give_up(task: Task, seconds: float) -> None:
    """End an assist that took too long, and raise TooLate."""
    lifecycle.cancel(task, by="the server")
    raise TooLate(
        f"The model gave no answer in {seconds:.0f} seconds, and was stopped. Try again, name"
        " another assignedAgent, or let it have longer by STAGENT_ASSIST_SECONDS."
    )


def _why_not(task: Task, run: Run | None) -> str:
    if task.status == Task.Status.CANCELLED:
        return "The assist was cancelled."
    reason = run.error if run else ""
    return f"The model gave no answer that can be used: {reason or task.status}"


def _sum_usage(task: Task) -> JSON:
    entries = LedgerEntry.objects.for_task(task.pk)
    last = entries.filter(corrects=None).order_by("-pk")
    provider, model = last.values_list("provider", "model").first() or ("", "")
    return {
        "modelId": model or None,
        "costMicros": entries.totals().cost_microdollars,
        "notice": NONSENSE if provider == "embedded" else None,
    }


def _drop_nulls(given: JSON) -> JSON:
    """Leave out what the model has nothing to say to, as the answer does."""
    shown = {name: value for name, value in given.items() if value is not None}
    for name in ("suggestedLoopConfig", "suggestedSwarmConfig"):
        if name in shown:
            shown[name] = _drop_nulls(shown[name])
    return shown


def _clean_steps(breakdown: list[JSON]) -> list[JSON]:
    return [_step(number, _drop_nulls(one)) for number, one in enumerate(breakdown)]


def _step(number: int, given: JSON) -> JSON:
    """Let a step depend on steps before it alone: so none waits for what is not there."""
    before = {place for place in given["dependsOn"] if 0 <= place < number}
    return {**given, "dependsOn": sorted(before)}
