"""What agents ask for, and the answers of people."""

from contextlib import suppress
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from stagent.database.json_text import iso_text
from tasks import catalog
from tasks.access import rights
from tasks.access.authentication import actor
from tasks.api import paging, responses
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.requests.notifications import (
    MarkAllRead,
    MarkRead,
    NotificationListQuery,
    Respond,
)
from tasks.api.responses import notifications as shapes
from tasks.api.views.base import ApiView
from tasks.api.views.lookups import get_notification, get_task, parse_uuid
from tasks.api.zod import Invalid
from tasks.models import OutboxEvent, OutboxType, PermissionRequest
from tasks.models.outbox import ALL_NOTES, BUDGET_TYPES, NOTES, OutboxQuerySet
from tasks.models.permission import (
    PERMISSION_REQUEST,
    QUESTION,
    Decision,
    PermissionRequestQuerySet,
)
from tasks.rules import patterns, questions
from tasks.rules.tool_input import problem_with_edits

JSON = dict[str, Any]

validate_respond = Respond.validator()
validate_mark = MarkRead.validator()
validate_mark_all = MarkAllRead.validator()


class RespondView(ApiView):
    """Decides a permission request, or answers a question."""

    @extend_schema(
        request=Respond, responses={200: responses.Success, 409: responses.CONFLICT}
    )
    def post(self, request: Request, task_id: str) -> Response:
        """Allow or deny a pending permission request, or answer a question; the first answer wins.

        A question (`type` of its notification) is answered with `behavior` allow and
        `updatedInput` {"answers": {"the question": "a label, or any text"}}, a list where it
        is `multiSelect`; denied, the agent is told that nobody answered.
        `alwaysAllow` makes a rule, and needs the right to make rules.
        """
        task = get_task(task_id)
        data = validate_respond(json_body(request))
        if data["behavior"] == "allow" and data.get("alwaysAllow"):
            rights.require(request, rights.MAKE_RULES)
        asked = get_notification(data["notificationId"], task=task)
        if asked.is_of_budget and data["behavior"] == "allow":
            rights.require(request, rights.CHANGE_BUDGET)
        asked.decide(
            Decision(
                is_allowed=data["behavior"] == "allow",
                by=actor(request),
                message=data.get("message", ""),
                edited_input=_read_edits(asked, data),
                always_allow=_rule(asked, data),
            )
        )
        return Response({"success": True})


def _read_edits(asked: PermissionRequest, data: JSON) -> JSON | None:
    """Return the original input with the edits, whose keys and types must be the original's."""
    edits = data.get("updatedInput")
    if edits is None:
        return None
    if asked.is_question:
        return _read_answers(asked, edits)
    if asked.session is None:
        message = "A step of a workflow starts as it is: allow it, or deny it"
        raise Invalid.field("updatedInput", message)
    facts = catalog.runtime(asked.session.runtime)
    if facts and not facts.edits_input and not asked.is_of_budget:
        raise Invalid.field(
            "updatedInput",
            f"{facts.title} takes no edited input: allow the call as it is, or deny it and say"
            " why in message",
        )
    if problem := problem_with_edits(asked.tool_input, edits):
        raise Invalid.field("updatedInput", problem)
    return {**asked.tool_input, **edits}


def _read_answers(asked: PermissionRequest, edits: JSON) -> JSON:
    """Return the questions with their answers, which is all that may be added."""
    if others := sorted(edits.keys() - {"answers"}):
        raise Invalid.field("updatedInput", f"Disallowed input key: {others[0]}")
    if problem := questions.problem_with(asked.tool_input, edits.get("answers")):
        raise Invalid.field("updatedInput", problem)
    return questions.add_answers(asked.tool_input, edits["answers"])


def _rule(asked: PermissionRequest, data: JSON) -> str | None:
    if not data.get("alwaysAllow"):
        return None
    if reason := asked.why_no_rule():
        raise Invalid.field("alwaysAllow", reason)
    pattern: str = data.get("permissionPattern") or _pattern_for(asked, data)
    try:
        patterns.validate(pattern)
    except ValidationError as error:
        raise Invalid.field("permissionPattern", error.messages[0]) from error
    return pattern


def _pattern_for(asked: PermissionRequest, data: JSON) -> str:
    """Return the pattern for just this call, or say that a person must name one."""
    if data.get("updatedInput"):
        message = "Required: with edited input, say what is to be allowed always"
        raise Invalid.field("permissionPattern", message)
    pattern = patterns.pattern_for(asked.action)
    if pattern is None:
        message = "Required: no rule can be made of this very call"
        raise Invalid.field("permissionPattern", message)
    return pattern


class NotificationsView(ApiView):
    """Permission requests and questions, and notes of what happened."""

    list_query = NotificationListQuery.reader()

    @extend_schema(
        parameters=[NotificationListQuery, responses.LINK],
        responses={200: shapes.either(many=True)},
    )
    def get(self, request: Request) -> HttpResponse | StreamingHttpResponse:
        """List permission requests and questions, the newest first; by `type` also notes."""
        query = self.list_query(request.query_params)
        is_of_notes = query.get("type") in {*NOTES.values(), ALL_NOTES}
        rows: Any = _list_notes(request, query) if is_of_notes else _list_asked(query)
        if "taskId" in query:
            try:
                rows = rows.filter(task_id=parse_uuid(query["taskId"]))
            except Http404:
                return Response([])
        if "read" in query:
            rows = rows.filter(read_at__isnull=query["read"] == "false")
        if is_of_notes:
            order, represent = paging.NEWEST_KEY, represent_note
            return paging.respond(request, query, rows, order, represent)
        return paging.respond(
            request, query, rows, paging.NEWEST, represent_notification
        )


def _list_asked(query: JSON) -> PermissionRequestQuerySet:
    asked = PermissionRequest.objects.all()
    if "status" in query:
        asked = asked.filter(status=query["status"])
    return asked.of_type(query["type"]) if "type" in query else asked


def _list_notes(request: Request, query: JSON) -> OutboxQuerySet:
    notes = _visible_notes(request)
    if "status" in query:
        return notes.none()
    kinds = [kind for kind, name in NOTES.items() if name == query["type"]]
    return notes.filter(type__in=kinds) if kinds else notes


def _visible_notes(request: Request) -> OutboxQuerySet:
    notes = OutboxEvent.objects.notes()
    if not rights.has(request, rights.VIEW_TASK):
        return notes.none()
    if not rights.has(request, rights.VIEW_BUDGETS):
        notes = notes.exclude(type__in=BUDGET_TYPES)
    return notes


class NotificationView(ApiView):
    """One permission request, question or note."""

    @extend_schema(responses={200: shapes.either()})
    def get(self, request: Request, notification_id: str) -> Response:
        """Get one permission request, question or note."""
        return Response(_represent(_get_either(request, notification_id)))

    @extend_schema(request=MarkRead, responses={200: shapes.either()})
    def patch(self, request: Request, notification_id: str) -> Response:
        """Mark a notification as read, or as not; that answers nothing."""
        data = validate_mark(json_body(request))
        found = _get_either(request, notification_id)
        read_at = timezone.now() if data["read"] else None
        # Read first at that time: to mark it again changes nothing.
        if (found.read_at is None) == data["read"]:
            type(found).objects.filter(pk=found.pk).update(read_at=read_at)
            found.read_at = read_at
        return Response(_represent(found))


class MarkAllReadView(ApiView):
    """All notifications at once."""

    @extend_schema(request=MarkAllRead, responses={200: shapes.Marked})
    def patch(self, request: Request) -> Response:
        """Mark all notifications as read, or all of a task; that answers nothing."""
        data = validate_mark_all(json_body(request))
        both: list[Any] = [PermissionRequest.objects.all(), _visible_notes(request)]
        if "taskId" in data:
            task_id = get_task(data["taskId"]).pk
            both = [rows.filter(task_id=task_id) for rows in both]
        now = timezone.now()
        with transaction.atomic():
            count = sum(rows.filter(read_at=None).update(read_at=now) for rows in both)
        return Response({"marked": count})


def _get_either(
    request: Request, notification_id: str
) -> PermissionRequest | OutboxEvent:
    with suppress(Http404):
        return get_notification(notification_id)
    uid = parse_uuid(notification_id, "Notification")
    note = _visible_notes(request).filter(uid=uid).first()
    if note is None:
        raise Http404("Notification not found")
    return note


def _represent(found: PermissionRequest | OutboxEvent) -> JSON:
    if isinstance(found, OutboxEvent):
        return represent_note(found)
    return represent_notification(found)


def represent_note(note: OutboxEvent) -> JSON:
    return {
        "id": str(note.uid),
        "notificationId": str(note.uid),
        "type": NOTES[OutboxType(note.type)],
        "taskId": str(note.task_id) if note.task_id else None,
        "projectId": note.project_id or None,
        "title": note.title,
        "message": note.message,
        "read": note.read_at is not None,
        "createdAt": iso_text(note.created_at),
    }


def represent_notification(asked: PermissionRequest) -> JSON:
    return {
        "id": asked.pk,
        "notificationId": asked.pk,
        "type": QUESTION if asked.is_question else PERMISSION_REQUEST,
        "taskId": str(asked.task_id),
        "status": asked.status,
        "toolName": asked.tool_name,
        "toolInput": asked.tool_input,
        "action": asked.action,
        "message": asked.message,
        "read": asked.read_at is not None,
        "createdAt": iso_text(asked.created_at),
        "decidedAt": iso_text(asked.decided_at) if asked.decided_at else None,
        "decidedBy": asked.decided_by or None,
        "decisionMessage": asked.decision_message or None,
        **_represent_answers(asked),
    }


def _represent_answers(asked: PermissionRequest) -> JSON:
    if not asked.is_question:
        return {}
    return {"answers": questions.read_answers(asked.decided_input or {})}
