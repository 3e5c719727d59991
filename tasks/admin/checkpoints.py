"""What a person is asked before a step of a workflow: which step, and what it goes on from."""

from dataclasses import dataclass

from django.utils.safestring import SafeString

from tasks.admin import display
from tasks.models import PermissionRequest, StepRun, WorkflowRun
from tasks.workflows.definition import Definition, InvalidDefinition
from tasks.workflows.results import StepBefore, choose_before, steps_before

SHOWN_RESULT = 4_000  # characters; the whole is a link away


@dataclass(frozen=True)
class Checkpoint:
    """A step that waits for its approval, and the results that it goes on from."""

    step: SafeString
    workflow: str  # a link
    run_number: int | None
    results: list[tuple[str, SafeString]]  # a link to the whole, and its beginning


def find_checkpoint(asked: PermissionRequest) -> Checkpoint | None:
    """Look up what is asked here; None if it is no checkpoint."""
    if not asked.is_checkpoint:
        return None
    runs = WorkflowRun.objects.select_related("workflow")
    run_id = asked.task.workflow_run
    run = runs.filter(pk=run_id).first() if run_id else None
    try:
        before = steps_before(asked.task_id)
    except InvalidDefinition:
        before = []
    return _make(asked, run, before)


def checkpoint_of_run(
    asked: PermissionRequest,
    run: WorkflowRun,
    definition: Definition,
    steps: list[StepRun],
) -> Checkpoint | None:
    """Make it of what the page of a workflow has read already."""
    step = next((one for one in steps if one.task_id == asked.task_id), None)
    before = choose_before(definition, step, steps) if step else []
    return _make(asked, run, before) if asked.is_checkpoint else None


def _make(
    asked: PermissionRequest, run: WorkflowRun | None, before: list[StepBefore]
) -> Checkpoint:
    workflow = run.workflow if run else None
    return Checkpoint(
        step=display.reveal(step_name(asked)),
        workflow=display.link(workflow)
        if workflow
        else display.reveal(run.workflow_name if run else ""),
        run_number=run.number if run else None,
        results=[
            (
                display.link_to(display.find_task_page(one.task_id), one.name),
                _begin(one.text),
            )
            for one in before
            if one.is_read and one.text
        ],
    )


def _begin(text: str) -> SafeString:
    more = " …" if len(text) > SHOWN_RESULT else ""
    return display.reveal(text[:SHOWN_RESULT] + more)


def step_name(asked: PermissionRequest) -> str:
    return str(asked.tool_input.get("stepName", ""))


def name_request(asked: PermissionRequest, *, of_workflow: bool = True) -> str:
    """Name what is asked for, in the message that says what became of it."""
    if not asked.is_checkpoint:
        return str(asked)
    name = step_name(asked)
    workflow = asked.task.workflow if of_workflow else None
    return f"{name} of {workflow}" if workflow else name
