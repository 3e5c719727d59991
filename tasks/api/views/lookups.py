"""Looking up what a path or a body names. An id that is not there, of whatever shape, is a 404."""

from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import Http404

from tasks.models import (
    Document,
    PermissionRequest,
    PermissionRule,
    Project,
    Schedule,
    Task,
    Workflow,
)
from tasks.models.task_updates import fetch

M = TypeVar("M", bound=Model)


def get_task(task_id: str) -> Task:
    task = fetch(parse_uuid(task_id, "Task"))
    if task is None:
        raise Http404("Task not found")
    return task


def get_workflow(workflow_id: str) -> Workflow:
    pk = parse_uuid(workflow_id, "Workflow")
    return get_or_404(Workflow.objects.all(), pk, "Workflow")


def get_schedule(schedule_id: str) -> Schedule:
    pk = parse_uuid(schedule_id, "Schedule")
    return get_or_404(Schedule.objects.all(), pk, "Schedule")


def get_project(project_id: str) -> Project:
    return get_or_404(Project.objects.all(), project_id, "Project")


def get_document(document_id: str) -> Document:
    return get_or_404(Document.objects.all(), document_id, "Document")


def get_rule(rule_id: str) -> PermissionRule:
    return get_or_404(PermissionRule.objects.all(), parse_key(rule_id, "Rule"), "Rule")


def get_notification(
    notification_id: str, *, task: Task | None = None
) -> PermissionRequest:
    """Return a permission request or question, with `task` one of that task's."""
    requests = PermissionRequest.objects.all()
    if task:
        requests = requests.filter(task=task)
    return get_or_404(requests, notification_id, "Notification")


def get_or_404(rows: QuerySet[M], pk: object, what: str) -> M:
    """Return the row of this key; `what` names it where it is not there."""
    row = rows.filter(pk=pk).first()
    if row is None:
        raise Http404(f"{what} not found")
    return row


def parse_uuid(text: str, what: str = "Task") -> UUID:
    """Read the id of `what` in its usual form, or raise Http404."""
    try:
        parsed = UUID(text)
    except ValueError:
        raise Http404(f"{what} not found") from None
    if str(parsed) != text.lower():  # UUID() also reads braces and urn: forms
        raise Http404(f"{what} not found")
    return parsed


def parse_key(text: str, what: str) -> int:
    """Read the number that is the id of `what`, or raise Http404."""
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Http404(f"{what} not found")
    return int(text)
