"""The task of a step: an ordinary one. What its prompt says of other steps is added when it runs."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from tasks.models import (
    Document,
    EventType,
    LogEntry,
    NewEntry,
    OutboxType,
    PermissionRequest,
    Task,
    WorkflowDocument,
    WorkflowRun,
)
from tasks.models.permission import make_digest
from tasks.payloads.log_entries import make_permission_request
from tasks.rules import checkpoint_questions
from tasks.workflows.definition import Definition, Loop, Step

SHOWN_RESULT = 500


def make_task(
    run: WorkflowRun, definition: Definition, step: Step, iteration: int
) -> Task:
    """Write the planned task of a step, with the documents that it is to see."""
    budget = step.budget_usd
    task = Task(
        title=_title(definition.loop, step, iteration),
        description=describe(definition.loop, step, iteration),
        project_id=run.project_id,
        priority=definition.priority,
        assigned_agent=step.assigned_agent,
        agent_profile=step.agent_profile,
        model=step.model,
        effort=step.effort,
        max_budget_microdollars=None
        if budget is None
        else round(budget * 1_000_000) or 1,
        workflow_id=run.workflow_id,
        workflow_run=run.pk,
        created_by=run.created_by,
    )
    Task.objects.insert(task)
    _attach(task, _find_documents(run, definition, step))
    return task


def _title(loop: Loop | None, step: Step, iteration: int) -> str:
    title = f"[Workflow] {step.name}"
    return f"{title} ({iteration + 1} of {loop.count})" if loop else title


def describe(loop: Loop | None, step: Step, iteration: int) -> str:
    """Return the brief of a step; of a loop's with its number, its item and how to end it."""
    if loop is None:
        return step.prompt
    prompt = step.prompt
    lines = [f"Iteration {iteration + 1} of {loop.count}."]
    if loop.items:
        item = loop.items[iteration]
        variable = f"{{{{{loop.item_variable}}}}}"
        if variable not in prompt:
            lines.append(f"{loop.item_variable}: {item}")
        prompt = prompt.replace(variable, item)
    ending = (
        f"When nothing is left to do in further iterations, say {loop.signals[0]} in your"
        " last message; it ends the loop."
    )
    return "\n\n".join([*lines, prompt, ending])


def _find_documents(run: WorkflowRun, definition: Definition, step: Step) -> set[str]:
    bound = WorkflowDocument.objects.filter(workflow=run.workflow)
    ids = set(
        bound.filter(Q(step_id="") | Q(step_id=step.id)).values_list(
            "document_id", flat=True
        )
    )
    ids |= set(step.document_ids)
    if source := _uuid(definition.source_task_id):
        ids |= set(Document.objects.filter(tasks=source).values_list("pk", flat=True))
    return ids


def _attach(task: Task, document_ids: Iterable[str]) -> None:
    # One that was removed meanwhile is left out.
    found = Document.objects.filter(pk__in=document_ids) if document_ids else ()
    if found:
        task.documents.add(*found)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def ask_approval(
    run: WorkflowRun, task: Task, step: Step, *, before: str
) -> PermissionRequest:
    """Ask whether a step may start. `before` is the result of the step that it goes on from."""
    tool_input = checkpoint_questions.make_tool_input(run.workflow_id, step.name)
    message = f"Start the step “{step.name}” of the workflow “{run.workflow_name}”?"
    if before:
        message += f" It goes on from: {before[:SHOWN_RESULT]}"
    action = checkpoint_questions.make_action(step.id)
    request = PermissionRequest.objects.create(
        task=task,
        call_id=f"step-{task.pk}",
        tool_name=checkpoint_questions.TOOL_NAME,
        tool_input=tool_input,
        input_digest=make_digest(tool_input, action),
        action=action,
        message=message,
    )
    data = make_permission_request(
        request.pk, tool_name=request.tool_name, tool_input=tool_input, action=action
    )
    entry = NewEntry(
        EventType.PERMISSION_REQUEST,
        f"Approval needed: {message}",
        data,
        OutboxType.PERMISSION_REQUESTED,
    )
    LogEntry.objects.append(task.pk, entry)
    return request
