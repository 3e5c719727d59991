"""The page Audit: who did what, the newest first, from all that is written down with a name.

Decisions, starts, rules and tokens are told by their own rows, whichever way they came;
edits, deletions and the verbs of the admin by Django's log of it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import ADDITION, DELETION
from django.contrib.admin.models import LogEntry as Edit
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString

from tasks.access import rights
from tasks.admin import display
from tasks.models import ApiToken, PermissionRequest, PermissionRule, Run

SHOWN = 200
KINDS = {
    "decisions": "Decisions",
    "starts": "Starts of tasks",
    "rules": "Rules",
    "tokens": "API tokens",
    "edits": "Edits and verbs in the admin",
}
_RIGHTS = {
    "decisions": "tasks.view_permissionrequest",
    "starts": "tasks.view_run",
    "rules": "tasks.view_permissionrule",
    "tokens": "tasks.view_apitoken",
    "edits": "admin.view_logentry",
}


@dataclass(frozen=True)
class Deed:
    """Who did what, when, to what."""

    at: datetime
    by: str
    kind: str
    what: SafeString
    of: str  # a link to what it was done to

    @property
    def when(self) -> str:
        return display.ago(self.at)


def audit(request: HttpRequest) -> HttpResponse:
    """Show the deeds of all, of one person, or of one kind; each to who may see its rows."""
    allowed = [
        kind for kind, right in _RIGHTS.items() if rights.may(request.user, right)
    ]
    if not allowed:
        raise PermissionDenied
    kind, person = request.GET.get("kind", ""), request.GET.get("by", "")[:150]
    person = person.replace("\x00", "")
    chosen = [kind] if kind in allowed else allowed
    deeds = nlargest(SHOWN, _deeds(chosen, person), key=lambda deed: deed.at)
    context = {
        **admin.site.each_context(request),
        "title": "Audit",
        "deeds": deeds,
        "kinds": [(name, KINDS[name], name == kind) for name in allowed],
        "person": person,
    }
    return render(request, "admin/audit.html", context)


def _deeds(kinds: Iterable[str], person: str) -> Iterator[Deed]:
    for kind in kinds:
        yield from _SOURCES[kind](person)


def _filter_by(person: str, column: str) -> dict[str, str]:
    return {column: person} if person else {}


def _decisions(person: str) -> Iterator[Deed]:
    decided = PermissionRequest.objects.filter(
        status__in=["allowed", "denied"], **_filter_by(person, "decided_by")
    )
    for one in decided.select_related("task").order_by("-created_at", "-pk")[:SHOWN]:
        if one.decided_at:
            words = f"{one.get_status_display()}: {one.action}"
            yield Deed(
                one.decided_at,
                one.decided_by,
                KINDS["decisions"],
                display.shorten(words, 200),
                display.link(one.task),
            )


def _starts(person: str) -> Iterator[Deed]:
    runs = Run.objects.exclude(started_by="").filter(**_filter_by(person, "started_by"))
    for run in runs.select_related("task").order_by("-pk")[:SHOWN]:
        verb = "Resumed" if run.is_resume else "Started"
        words = display.reveal(f"{verb}: attempt {run.attempt}")
        yield Deed(
            run.queued_at,
            run.started_by,
            KINDS["starts"],
            words,
            display.link(run.task),
        )


def _rules(person: str) -> Iterator[Deed]:
    rules = PermissionRule.objects.filter(**_filter_by(person, "created_by")).order_by(
        "-pk"
    )
    for rule in rules[:SHOWN]:
        words = display.shorten(f"Made a rule: {rule}", 200)
        yield Deed(
            rule.created_at, rule.created_by, KINDS["rules"], words, display.link(rule)
        )


def _tokens(person: str) -> Iterator[Deed]:
    tokens = ApiToken.objects.filter(**_filter_by(person, "user__username"))
    for token in tokens.select_related("user").order_by("-pk")[:SHOWN]:
        yield Deed(
            token.created_at,
            token.user.get_username(),
            KINDS["tokens"],
            display.reveal(f"Got a token: {token.name}"),
            display.EMPTY,
        )


_VERBS = {ADDITION: "Added", DELETION: "Deleted"}


def _edits(person: str) -> Iterator[Deed]:
    edits = Edit.objects.filter(**_filter_by(person, "user__username"))
    newest = edits.select_related("user", "content_type").order_by("-pk")
    for edit in newest[:SHOWN]:
        verb = _VERBS.get(edit.action_flag) or edit.get_change_message() or "Changed"
        url = None if edit.is_deletion() else edit.get_admin_url()
        yield Deed(
            edit.action_time,
            edit.user.get_username(),
            KINDS["edits"],
            display.shorten(f"{verb} ({edit.content_type})", 200),
            display.link_to(url, edit.object_repr),
        )


_SOURCES: dict[str, Any] = {
    "decisions": _decisions,
    "starts": _starts,
    "rules": _rules,
    "tokens": _tokens,
    "edits": _edits,
}
