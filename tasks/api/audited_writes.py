"""Every write that comes by the API leaves an entry in the audit, in the transaction of the write.

What it is about is told by the route: the object that the path names, or the one that the
response shows as made. So no view does it by itself, but those that a statement more would slow
down.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

import orjson
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.db.models import Model
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.views import APIView

from ledger.models import Budget
from tasks import audit
from tasks.access.author import author_of_call
from tasks.api.zod import Invalid
from tasks.models import (
    Document,
    PermissionRequest,
    PermissionRule,
    Project,
    Schedule,
    StoredProfile,
    Task,
    Webhook,
    Workflow,
)

JSON = dict[str, Any]
Handler = Callable[..., HttpResponseBase]

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Routes whose POST only reads.
READS = frozenset({"schedule-parse"})

# What a path names, the outermost first.
_OBJECTS: dict[str, type[Model]] = {
    "task_id": Task,
    "project_id": Project,
    "document_id": Document,
    "notification_id": PermissionRequest,
    "rule_id": PermissionRule,
    "workflow_id": Workflow,
    "profile_id": StoredProfile,
    "budget_id": Budget,
    "schedule_id": Schedule,
    "webhook_id": Webhook,
}
# What a POST to a route makes, and where in the response its id is.
_MADE: dict[str, tuple[type[Model], tuple[str, ...]]] = {
    "task-assist": (Task, ("assistId",)),
    "projects": (Project, ("id",)),
    "documents": (Document, ("id",)),
    "rules": (PermissionRule, ("id",)),
    "workflows": (Workflow, ("id",)),
    "workflow-from-assist": (Workflow, ("workflow", "id")),
    "profiles": (StoredProfile, ("id",)),
    "budgets": (Budget, ("id",)),
    "schedules": (Schedule, ("id",)),
    "webhooks": (Webhook, ("id",)),
}
# What is about no single object: its type, and what is done.
_OTHER = {
    "settings-budgets": ("budget", "set-limits"),
    "notifications-mark-all-read": ("notification", "mark-all-read"),
}
_COMPARED = frozenset({"PATCH", "DELETE"})
# Routes whose names do not end with what they do.
_ACTIONS = {
    "workflow-from-assist": "create",
    "notification": "mark-read",
    "task-messages": "message",
    "project-documents": "set-documents",
    "workflow-documents": "set-documents",
    "workflow-step-retry": "retry",
}


class AuditedWrites(APIView):
    """Views whose writes are recorded. Those in `records_itself` do it in their own statements."""

    records_itself: ClassVar[frozenset[str]] = frozenset()  # HTTP methods

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who asks, as ever; then have what is written recorded."""
        super().initial(request, *args, **kwargs)
        method = str(request.method)
        handler = getattr(self, method.lower(), None)
        if method not in WRITES or handler is None or method in self.records_itself:
            return
        if _route_of(request) not in READS:
            vars(self)[method.lower()] = partial(_record, handler)


def _record(
    handler: Handler, request: Request, *args: Any, **kwargs: Any
) -> HttpResponseBase:
    try:
        return _write(handler, request, *args, **kwargs)
    except IntegrityError:
        if connection.in_atomic_block:
            raise
        # What it refers to has gone before the commit: the view says which.
        return _write(handler, request, *args, **kwargs)


def _write(
    handler: Handler, request: Request, *args: Any, **kwargs: Any
) -> HttpResponseBase:
    with audit.together():
        before = _find_named(kwargs) if _compares(request) else None
        old = audit.snapshot(before) if before else {}
        title = str(before) if before else ""
        response = handler(request, *args, **kwargs)
        if response.status_code < 400:
            _add_entry(request, kwargs, response, before, old, title)
    return response


def _compares(request: Request) -> bool:
    """Tell whether the row that the path names is read before it is changed or removed."""
    return request.method in _COMPARED and not _is_part(_route_of(request))


def _add_entry(
    request: Request,
    kwargs: Mapping[str, Any],
    response: HttpResponseBase,
    row: Model | None,
    old: JSON,
    title: str,
) -> None:
    route = _route_of(request)
    write = partial(audit.recorded_now, author_of_call(request))
    if row is not None and request.method == "DELETE":
        kind = audit.find_type(row)
        write("delete", kind, object_id=_key(kwargs), title=title, before=old)
    elif row is not None:
        row.refresh_from_db()
        before, after = audit.differences(old, audit.snapshot(row))
        write(_ACTIONS.get(route, "change"), row, before=before, after=after)
    elif route in _MADE:
        if made := _find_made(route, response):
            write(_action_of(route), made, after=audit.snapshot(made))
    elif route in _OTHER:
        kind, action = _OTHER[route]
        write(action, kind, after=_body(request))
    else:
        _add_verb(request, kwargs, _action_of(route))


def _add_verb(request: Request, kwargs: Mapping[str, Any], action: str) -> None:
    author, body = author_of_call(request), _body(request)
    name = _key_name(kwargs)
    if name == "task_id":
        with connection.cursor() as cursor:
            cursor.execute(
                *audit.changes_of_task(author, action, UUID(_key(kwargs)), after=body)
            )
    elif row := _find_named(kwargs):
        audit.recorded_now(author, action, row, after=body)
    else:
        kind = audit.find_type(_OBJECTS[name])
        audit.recorded_now(author, action, kind, object_id=_key(kwargs), after=body)


def _route_of(request: Request) -> str:
    match = request._request.resolver_match
    return str(match.url_name) if match else ""


def _is_part(route: str) -> bool:
    """Tell whether a route is of a part of what its path names: `workflow-documents`."""
    return "-" in route


def _action_of(route: str) -> str:
    """Return what a route does: of `task-execute`, execute."""
    return _ACTIONS.get(route) or route.partition("-")[2] or "create"


def _key_name(kwargs: Mapping[str, Any]) -> str:
    return next((name for name in _OBJECTS if name in kwargs), "")


def _key(kwargs: Mapping[str, Any]) -> str:
    return str(kwargs.get(_key_name(kwargs), ""))


def _find_named(kwargs: Mapping[str, Any]) -> Model | None:
    """Return the row that a path names, if it is there."""
    name = _key_name(kwargs)
    return _find(_OBJECTS[name], kwargs[name]) if name else None


def _find_made(route: str, response: HttpResponseBase) -> Model | None:
    model, path = _MADE[route]
    if not isinstance(response, HttpResponse):
        return None
    found: Any = orjson.loads(response.content)
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return _find(model, found) if found else None


def _find(model: type[Model], key: Any) -> Model | None:
    try:
        return model._default_manager.filter(pk=key).first()
    except (ValueError, ValidationError, OverflowError):
        return None


def _body(request: Request) -> JSON | None:
    try:
        body = request.data
    except (APIException, Invalid):  # of a route that takes none, and looked at none
        return None
    if not isinstance(body, Mapping):
        return None
    found: JSON = audit.masked({name: body[name] for name in body})
    return found
