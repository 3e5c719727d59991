"""What the admin's pages write into the audit."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from ledger.admin.long_lists import Admin
from ledger.admin.writes import Writes
from tasks import audit
from tasks.access.author import author_of_page
from tasks.models import PermissionRequest
from tasks.models.permission import Decision
from tasks.observability.credentials import HIDDEN

JSON = dict[str, Any]

_BEFORE = "_audit_before"  # of the request: what a row was like when its form came in


class AuditedPages(Writes):
    """Records what is added, changed and deleted on any page."""

    def begin(self, request: HttpRequest, row: Any) -> None:
        setattr(request, _BEFORE, (row.pk, audit.snapshot(row, with_many=True)))

    def added(self, request: HttpRequest, row: Any) -> None:
        after = audit.snapshot(row, with_many=True)
        audit.recorded_now(author_of_page(request), "create", row, after=after)

    def changed(self, request: HttpRequest, row: Any) -> None:
        """Record a change by a form; what a verb changes is recorded where that is performed."""
        key, old = getattr(request, _BEFORE, (None, {}))
        if key != row.pk:
            return
        setattr(request, _BEFORE, (None, {}))
        before, after = audit.differences(old, audit.snapshot(row, with_many=True))
        if after:
            author = author_of_page(request)
            audit.recorded_now(author, "change", row, before=before, after=after)

    def deleting(self, request: HttpRequest, rows: Iterable[Any]) -> None:
        author = author_of_page(request)
        for row in rows:
            audit.recorded_now(author, "delete", row, before=audit.snapshot(row))


def recorded(
    request: HttpRequest, action: str, what: Any, *, after: JSON | None = None
) -> AbstractContextManager[None]:
    """Record what is done inside, by who asks, in one transaction with it."""
    return audit.recorded(author_of_page(request), action, what, after=after)


def decide(request: HttpRequest, asked: PermissionRequest, given: Decision) -> None:
    """Decide a request, or raise AlreadyDecided; the audit keeps it as the task's."""
    after: JSON = {
        "notificationId": asked.pk,
        "behavior": "allow" if given.is_allowed else "deny",
        "action": asked.action,
        "message": given.message,
        "updatedInput": given.edited_input,
        "alwaysAllow": given.always_allow,
    }
    said = {name: value for name, value in after.items() if value}
    with recorded(request, "respond", asked.task, after=said):
        asked.decide(given)


_page = admin.site.password_change


def password_page(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """Let somebody change their own password, of which Django logs nothing."""
    with transaction.atomic():
        response: HttpResponse = _page(request, extra_context)
        if request.method == "POST" and response.status_code == 302:
            author, new = author_of_page(request), {"password": HIDDEN}
            audit.recorded_now(
                author,
                *("change", "user"),
                object_id=author.user_id,
                title=author.name,
                before=new,
                after=new,
            )
    return response


admin.site.password_change = password_page  # type: ignore[method-assign, assignment]
Admin.writes = AuditedPages()
