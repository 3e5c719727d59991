"""The page `/admin/approvals/`, and what its script asks: decide, check a pattern, count."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from tasks.access import rights
from tasks.admin import auditing, display
from tasks.admin.approvals import decision, rule
from tasks.admin.approvals.card import make_card
from tasks.admin.approvals.groups import group_alike
from tasks.admin.checkpoints import name_request
from tasks.exceptions import AlreadyDecided
from tasks.models import PermissionRequest, PermissionRule
from tasks.rules import patterns

SHOWN = 100
VIEW = "tasks.view_permissionrequest"


def approvals(request: HttpRequest) -> HttpResponse:
    """Show what waits, the oldest first, with the card of one; or what was decided."""
    _require(request, VIEW)
    is_decided = request.GET.get("tab") == "decided"
    context = {
        **admin.site.each_context(request),
        "title": "Approvals",
        "is_decided": is_decided,
        **(_list_decided() if is_decided else _list_waiting(request)),
        "saved_rule": _find_saved_rule(request),
    }
    return render(request, "admin/approvals.html", context)


def _list_waiting(request: HttpRequest) -> dict[str, Any]:
    pending = PermissionRequest.objects.pending()
    rows = pending.select_related("task__workflow", "run")
    oldest = list(rows.order_by("created_at", "pk")[:SHOWN])
    wanted = request.GET.get("request")
    chosen = next((one for one in oldest if one.pk == wanted), None)
    chosen = chosen or (oldest[0] if oldest else None)
    return {
        "requests": oldest,
        "waiting": pending.count(),
        "groups": group_alike(oldest),
        "chosen": chosen.pk if chosen else "",
        "card": make_card(chosen) if chosen else None,
    }


def _list_decided() -> dict[str, Any]:
    decided = PermissionRequest.objects.exclude(status="pending")
    newest = decided.select_related("task__workflow").order_by("-created_at", "-pk")[
        :SHOWN
    ]
    return {
        "waiting": PermissionRequest.objects.pending().count(),
        "decided": [
            {
                "link": display.link(one, display.shorten(_name(one), 120)),
                "task": display.link(one.task),
                "state": display.state(one.status, one.get_status_display()),
                "by": one.decided_by,
                "when": display.ago(one.decided_at),
                "is_edited": one.status == "allowed"
                and one.decided_input not in (None, one.tool_input),
                "message": display.shorten(one.decision_message, 120),
            }
            for one in newest
        ],
    }


def _name(asked: PermissionRequest) -> str:
    return name_request(asked) if asked.is_checkpoint else asked.action


def _find_saved_rule(request: HttpRequest) -> PermissionRule | None:
    """Return the rule that the last decision saved, which can be taken back."""
    wanted = request.GET.get("saved", "")
    if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 15:
        return None
    return _own_rules(request).filter(pk=int(wanted)).first()


def _own_rules(request: HttpRequest) -> QuerySet[PermissionRule]:
    return PermissionRule.objects.filter(created_by=request.user.get_username())


@require_POST
def decide(request: HttpRequest, request_id: str) -> HttpResponse:
    """Decide a request. The script is answered with JSON, a form with the next card."""
    _require(request, rights.DECIDE)
    asked = get_object_or_404(
        PermissionRequest.objects.select_related("task__workflow", "run"), pk=request_id
    )
    try:
        given = decision.read(request, asked)
        if given.always_allow:
            _require(request, rights.MAKE_RULES)
        if asked.is_of_budget and given.is_allowed:
            _require(request, rights.CHANGE_BUDGET)
        auditing.decide(request, asked, given)
    except (ValidationError, AlreadyDecided) as error:
        told = error.messages[0] if isinstance(error, ValidationError) else str(error)
        return _refuse(
            request, asked, told, 400 if isinstance(error, ValidationError) else 409
        )
    verb = "Allowed" if given.is_allowed else "Denied"
    told = f"{verb}: {name_request(asked)}."
    saved = _find_rule_id(request, given.always_allow)
    if _wants_json(request):
        return JsonResponse({"text": told, "rule": saved})
    messages.success(request, told)
    query = f"?saved={saved}" if saved else ""
    return HttpResponseRedirect(reverse("approvals") + query)


def _find_rule_id(request: HttpRequest, pattern: str | None) -> int | None:
    if not pattern:
        return None
    own = _own_rules(request).filter(pattern=pattern).order_by("-pk")
    return own.values_list("pk", flat=True).first()


def _refuse(
    request: HttpRequest, asked: PermissionRequest, told: str, status: int
) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"error": told}, status=status)
    messages.error(request, told)
    return HttpResponseRedirect(f"{reverse('approvals')}?request={asked.pk}")


def _wants_json(request: HttpRequest) -> bool:
    return "application/json" in request.headers.get("Accept", "")


@require_POST
def undo(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Take back a rule that this person has made."""
    _require(request, rights.MAKE_RULES)
    rule = _own_rules(request).filter(pk=rule_id).first()
    if rule:
        with auditing.recorded(request, "delete", rule):
            rule.delete()
    if _wants_json(request):
        return JsonResponse({"removed": rule is not None})
    told = "The rule is gone." if rule else "There is no such rule of yours."
    messages.success(request, told)
    return HttpResponseRedirect(reverse("approvals"))


def check_pattern(request: HttpRequest, request_id: str) -> HttpResponse:
    """Say whether a rule of `pattern` would do, and what it would have covered."""
    _require(request, VIEW)
    asked = get_object_or_404(PermissionRequest, pk=request_id)
    pattern = request.GET.get("pattern", "").strip()
    problem = patterns.problem_with(pattern, asked.action) or ""
    coverage = "" if problem else str(rule.coverage(pattern))
    return JsonResponse({"error": problem, "text": coverage})


def count_waiting(request: HttpRequest) -> HttpResponse:
    """Say how many requests wait, and what the newest is, for every page's title and badge."""
    _require(request, VIEW)
    pending = PermissionRequest.objects.pending()
    newest = pending.order_by("-created_at").values_list("pk", "message").first()
    return JsonResponse(
        {
            "count": pending.count(),
            "newest": newest[0] if newest else None,
            "message": newest[1][:200] if newest else "",
        }
    )


def _require(request: HttpRequest, right: str) -> None:
    if not rights.may(request.user, right):
        raise PermissionDenied
