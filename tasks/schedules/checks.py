"""What is wrong with a schedule as it is written: for the API and for the admin's form."""

from collections.abc import Iterator

from tasks.models import Schedule
from tasks.schedules import heartbeat
from tasks.schedules.clock import zone_names

Problem = tuple[str, str]  # the column, and a sentence without its full stop


def find_zone_problem(name: str) -> str | None:
    """Say that there is no such time zone; None if there is."""
    if name in zone_names():
        return None
    return f"Unknown time zone: {name}. Use a name such as Europe/Berlin"


def find_hours_problems(schedule: Schedule) -> Iterator[Problem]:
    """Yield what is wrong with the active hours."""
    start, end = schedule.active_hours_start, schedule.active_hours_end
    if (start is None) != (end is None):
        column = "active_hours_start" if start is None else "active_hours_end"
        yield column, "Required: active hours have a start and an end"


def find_start_problems(schedule: Schedule) -> Iterator[Problem]:
    """Yield why there is nothing, or too much, that the schedule would start."""
    if schedule.workflow_id:
        yield from _problems_with_workflow(schedule)
    elif schedule.type == Schedule.Type.HEARTBEAT:
        yield from _problems_with_checklist(schedule)
    elif not schedule.prompt:
        yield "prompt", "Required: what each task is to do"


def _problems_with_workflow(schedule: Schedule) -> Iterator[Problem]:
    if schedule.type == Schedule.Type.HEARTBEAT:
        yield "workflow", "A heartbeat starts no workflow"
    if schedule.prompt:
        yield "prompt", "A workflow's steps have prompts of their own"
    if schedule.heartbeat_budget_microdollars is not None:
        message = "A workflow's steps have budgets of their own"
        yield "heartbeat_budget_microdollars", message


def _problems_with_checklist(schedule: Schedule) -> Iterator[Problem]:
    if not schedule.checklist:
        yield "checklist", "Required: a heartbeat goes through a checklist"
    length = len(heartbeat.make_prompt(schedule))
    if length > heartbeat.MAX_BRIEF:
        yield (
            "checklist",
            f"Prompt and checklist make a brief of {length} characters:"
            f" {heartbeat.MAX_BRIEF} at most",
        )
