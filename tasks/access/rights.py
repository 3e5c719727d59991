"""Which right each route of the API needs: Django's model permissions, as in the admin.

Somebody who is known, by a token or by a session, may do what their user's permissions say,
and a superuser everything; with a token that has scopes, what these have of it. Who needs no login (`authentication.is_open`) may do everything.
"""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.http import HttpRequest
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from stagent.database.compiled import CompiledQuery
from tasks.access import roles
from tasks.access.authentication import HOW, is_open
from tasks.access.scopes import allows, find_scope

Rights = dict[str, str]  # HTTP method -> the right that it needs

NONE = ""  # it is enough to be known

ADD_TASK = "tasks.add_task"
VIEW_TASK, CHANGE_TASK = "tasks.view_task", "tasks.change_task"
VIEW_PROJECT, CHANGE_PROJECT = "tasks.view_project", "tasks.change_project"
VIEW_WORKFLOW, CHANGE_WORKFLOW = "tasks.view_workflow", "tasks.change_workflow"
DECIDE = "tasks.change_permissionrequest"
MAKE_RULES = "tasks.add_permissionrule"
DELETE_RULES = "tasks.delete_permissionrule"
VIEW_DOCUMENTS = "tasks.view_document"
VIEW_AUDIT = "tasks.view_auditentry"
VIEW_BUDGETS, CHANGE_BUDGET = "ledger.view_budget", "ledger.change_budget"


def _list(model: str) -> Rights:
    app, _, name = model.partition(".")
    return {"GET": f"{app}.view_{name}", "POST": f"{app}.add_{name}"}


def _one(model: str) -> Rights:
    app, _, name = model.partition(".")
    verbs = {"GET": "view", "PATCH": "change", "DELETE": "delete"}
    return {method: f"{app}.{verb}_{name}" for method, verb in verbs.items()}


# Every route by its name in `urls.py`. One that is missing here is refused to all.
RIGHTS: dict[str, Rights] = {
    "tasks": _list("tasks.task"),
    "task": _one("tasks.task"),
    # It starts an agent, and so needs CHANGE_TASK, too.
    "task-assist": {"POST": ADD_TASK},
    "task-execute": {"POST": CHANGE_TASK},
    "task-resume": {"POST": CHANGE_TASK},
    "task-cancel": {"POST": CHANGE_TASK},
    # Documents need VIEW_DOCUMENTS, too.
    "task-messages": {"GET": VIEW_TASK, "POST": CHANGE_TASK},
    # With `alwaysAllow` it needs MAKE_RULES, too; to raise a budget by it, CHANGE_BUDGET.
    "task-respond": {"POST": DECIDE},
    "task-output": {"GET": VIEW_TASK},
    "task-logs": {"GET": VIEW_TASK},
    # What tells of budgets is left out for who may not view them.
    "events": {"GET": VIEW_TASK},
    "task-provenance": {"GET": VIEW_TASK},
    "task-siblings": {"GET": VIEW_TASK},
    "task-files": {"GET": VIEW_TASK},
    "task-file": {"GET": VIEW_TASK},
    "task-archive": {"GET": VIEW_TASK},
    "task-diff": {"GET": VIEW_TASK},
    "projects": _list("tasks.project"),
    # To delete one that has rules needs DELETE_RULES, too: they go with it.
    "project": _one("tasks.project"),
    # Both need VIEW_DOCUMENTS, too; so does to change them with the project.
    "project-documents": {"GET": VIEW_PROJECT, "PUT": CHANGE_PROJECT},
    # To keep a file of a task needs VIEW_TASK, too.
    "documents": _list("tasks.document"),
    "document": _one("tasks.document"),
    "document-file": {"GET": VIEW_DOCUMENTS},
    "document-versions": {"GET": VIEW_DOCUMENTS},
    "document-content": {"GET": VIEW_DOCUMENTS},
    "notifications": {"GET": "tasks.view_permissionrequest"},
    # Notes are shown to who has VIEW_TASK, too.
    "notification": {"GET": "tasks.view_permissionrequest", "PATCH": DECIDE},
    "notifications-mark-all-read": {"PATCH": DECIDE},
    "rules": _list("tasks.permissionrule"),
    "rule": _one("tasks.permissionrule"),
    # Documents, and the task whose documents it takes, need the rights to view those, too.
    "workflows": _list("tasks.workflow"),
    # With `executeImmediately` it needs CHANGE_WORKFLOW, too.
    "workflow-from-assist": {"POST": "tasks.add_workflow"},
    "workflow": _one("tasks.workflow"),
    "workflow-execute": {"POST": CHANGE_WORKFLOW},
    "workflow-resume": {"POST": CHANGE_WORKFLOW},
    "workflow-stop": {"POST": CHANGE_WORKFLOW},
    "workflow-step-retry": {"POST": CHANGE_WORKFLOW},
    "workflow-status": {"GET": VIEW_WORKFLOW},
    "workflow-target": {"GET": VIEW_WORKFLOW},
    "workflow-documents": {
        "GET": VIEW_WORKFLOW,
        "POST": CHANGE_WORKFLOW,
        "DELETE": CHANGE_WORKFLOW,
    },
    # What a task may ask for.
    "profiles": {"GET": VIEW_TASK, "POST": "tasks.add_storedprofile"},
    "profile": _one("tasks.storedprofile")
    | {"GET": VIEW_TASK, "PUT": "tasks.change_storedprofile"},
    "runtimes": {"GET": VIEW_TASK},
    "budgets": _list("ledger.budget"),
    "budget": _one("ledger.budget"),
    # To set a limit needs the right to add one, too.
    "settings-budgets": {"GET": VIEW_BUDGETS, "POST": "ledger.change_budget"},
    "usage": {"GET": "ledger.view_ledgerentry"},
    # Whoever adds, changes or runs one needs ADD_TASK, too: it makes tasks.
    "schedules": _list("tasks.schedule"),
    "schedule": _one("tasks.schedule"),
    "schedule-parse": {"POST": "tasks.view_schedule"},
    "schedule-execute": {"POST": "tasks.change_schedule"},
    "schedule-heartbeat-history": {"GET": "tasks.view_schedule"},
    "webhooks": _list("tasks.webhook"),
    "webhook": _one("tasks.webhook"),
    "webhook-test": {"POST": "tasks.change_webhook"},
    "webhook-deliveries": {"GET": "tasks.view_webhook"},
    "webhook-delivery": {"GET": "tasks.view_webhook"},
    "webhook-redeliver": {"POST": "tasks.change_webhook"},
    "audit-entries": {"GET": VIEW_AUDIT},
    "schema": {"GET": NONE},
    "api-docs": {"GET": NONE},
    "api-docs-redoc": {"GET": NONE},
    "metrics": {"GET": "ledger.view_ledgerentry"},
}


class HasRight(BasePermission):
    """Let in who may do what the route does; raise 401 or 403 that says what is missing."""

    def has_permission(self, request: Request, view: Any) -> bool:
        is_of_route = request.method in view.allowed_methods
        check(request, is_of_route=is_of_route and request.method != "OPTIONS")
        return True  # what is no method of the route is answered by the view, with 405


def check(request: Request, *, is_of_route: bool = True) -> None:
    """Raise NotAuthenticated (401) or PermissionDenied (403), as the route would."""
    if _is_known(request):
        if is_of_route:
            require(request, _find_right(request._request))
    elif not is_open(request._request):
        raise NotAuthenticated(f"This server needs a login. {HOW}")


def _is_known(request: Request) -> bool:
    return bool(request.user and request.user.is_authenticated)


def _find_right(request: HttpRequest) -> str:
    match = request.resolver_match
    name = match.url_name if match else None
    method = "GET" if request.method == "HEAD" else str(request.method)
    right = RIGHTS.get(name or "", {}).get(method)
    if right is None:
        raise PermissionDenied(f"Nobody has decided who may {method} {request.path}.")
    return right


def has(request: Request, right: str) -> bool:
    """Tell whether who asks has `right`, as everybody has who needs no login."""
    if not right or not _is_known(request):
        return True
    scopes = _read_scopes(request)
    return may(request.user, right) and (not scopes or allows(scopes, right))


def require(request: Request, right: str) -> None:
    """Raise PermissionDenied (403) if who is known lacks `right`, or their token the scope."""
    if has(request, right):
        return
    if not may(request.user, right):
        raise PermissionDenied(_refusal(request.user, right))
    raise PermissionDenied(
        f"This needs the scope {find_scope(right)}, which the token “{request.auth}” has"
        f" not: it has {', '.join(_read_scopes(request))}. Make another: manage.py issuetoken"
        " --scope."
    )


def _read_scopes(request: Request) -> list[str]:
    """Return what the request's token is bound to; nothing where nothing binds it."""
    return getattr(request.auth, "scope_names", [])


def may(user: Any, right: str) -> bool:
    """Tell whether `user` has `right`. Who may change a thing may view it, as in the admin."""
    return bool(
        user.has_perm(right) or user.has_perm(right.replace(".view_", ".change_"))
    )


def _refusal(user: Any, right: str) -> str:
    role = roles.least_with(right)
    way = f"put the user into the group {role}, or give that right" if role else ""
    return (
        f"This needs the right {right}, which the user “{user.get_username()}” has not."
        f" A superuser can {way or 'give that right'}, in the admin under Users."
    )


# Django asks twice, for a user's own permissions and for those of the groups.
_rights_of = CompiledQuery(
    lambda user: _names(Permission.objects.filter(user=user)).union(
        _names(Permission.objects.filter(group__user=user))
    ),
    user=int,
)


def _names(permissions: Any) -> Any:
    columns = ("content_type__app_label", "codename")
    return permissions.order_by().values_list(*columns)


class RightsBackend(ModelBackend):
    """Django's own, which reads all the permissions of a user in one query."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if user_obj.is_superuser or not user_obj.is_active or obj is not None:
            return super().get_all_permissions(user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):
            rows = _rights_of.rows(user=user_obj.pk)
            user_obj._perm_cache = {f"{app}.{codename}" for app, codename in rows}
        names: set[str] = user_obj._perm_cache
        return names
