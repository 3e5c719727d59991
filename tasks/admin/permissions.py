"""What agents ask for, and the answers of people."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from ledger.admin.read_only import ReadOnlyAdmin
from tasks.access import rights
from tasks.admin import auditing, display
from tasks.admin.checkpoints import name_request
from tasks.admin.decision_form import read_decision
from tasks.admin.task_page import RequestCard
from tasks.exceptions import AlreadyDecided
from tasks.models import PermissionRequest
from tasks.models.permission import Decision

# Characters of a request in the list. Who is to answer a longer one sees it whole first.
SHOWN_IN_LIST = 300
PENDING = PermissionRequest.Status.PENDING
DECIDED = ("Allowed", "Denied")


class StatusFilter(admin.SimpleListFilter):
    """What waits, unless something else is asked for: the one thing that cannot wait."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        decided = [status for status in PermissionRequest.Status if status != PENDING]
        return [(status.value, str(status.label)) for status in decided] + [
            ("all", "All")
        ]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        yield {**first, "display": "Waiting for you"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "all" or request.GET.get("q"):
            return queryset
        return queryset.filter(status=self.value() or PENDING)


@admin.register(PermissionRequest)
class PermissionRequestAdmin(ReadOnlyAdmin):
    """Permission requests and questions: what waits is answered here."""

    empty_text = (
        "When an agent wants to do something that no rule allows, it asks here and waits"
        " for your answer."
    )
    list_display = (
        "short_what",
        "short_action",
        "task_link",
        "state",
        "since",
        "answers",
    )
    list_display_links = ("short_what",)
    list_filter = (StatusFilter, "created_at")
    indexed_filters = frozenset({"status", "created_at__gte", "created_at__lt"})
    list_select_related = ("task__workflow",)
    search_fields = ("message", "action")
    search_help_text = "A part of what is asked, or a task's or run's whole id"
    id_fields = ("pk", "task_id", "run_id")
    actions = ("allow_selected", "deny_selected")
    change_form_outer_before_template: Any = "tasks/request_before.html"
    fieldsets = (
        (None, {"fields": ("task_link", "attempt", "state", "since")}),
        ("What is asked", {"fields": ("what", "tool_name", "shown_action", "asked")}),
        (
            "Decision",
            {
                "fields": (
                    "decided_by",
                    "decided",
                    "heard",
                    "decision_message",
                    "given",
                )
            },
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave to the card what is still to be decided."""
        return self.fieldsets[:1] if obj and obj.status == PENDING else self.fieldsets

    def get_ordering(self, request: HttpRequest) -> Any:
        """Put what has waited longest first, and what was decided last."""
        is_waiting = not request.GET.get("status") and not request.GET.get("q")
        return ("created_at", "pk") if is_waiting else ("-created_at", "-pk")

    def has_answer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(rights.DECIDE)

    @admin.display(description="Asked")
    def what(self, asked: PermissionRequest) -> SafeString:
        return display.reveal(asked.message)

    @admin.display(description="Asked")
    def short_what(self, asked: PermissionRequest) -> SafeString:
        return _short(asked.message)

    @admin.display(description="Task")
    def task_link(self, asked: PermissionRequest) -> str:
        return display.link(asked.task)

    @admin.display(description="Attempt")
    def attempt(self, asked: PermissionRequest) -> str:
        return display.link(asked.run)

    @admin.display(description="Status")
    def state(self, asked: PermissionRequest) -> str:
        return display.state(asked.status, asked.get_status_display())

    @admin.display(description="Since")
    def since(self, asked: PermissionRequest) -> str:
        return display.ago(asked.created_at)

    @admin.display(description="Action")
    def shown_action(self, asked: PermissionRequest) -> str:
        return format_html("<code>{}</code>", display.reveal(asked.action))

    @admin.display(description="Action")
    def short_action(self, asked: PermissionRequest) -> str:
        return format_html("<code>{}</code>", _short(asked.action))

    @admin.display(description="Input")
    def asked(self, asked: PermissionRequest) -> SafeString:
        return display.fields(asked.tool_input)

    @admin.display(description="Input as allowed")
    def given(self, asked: PermissionRequest) -> SafeString | str:
        if asked.decided_input in (None, asked.tool_input):
            return "as asked"
        return display.fields(asked.decided_input)

    @admin.display(description="Decided")
    def decided(self, asked: PermissionRequest) -> str:
        return display.ago(asked.decided_at)

    @admin.display(description="Heard by the agent")
    def heard(self, asked: PermissionRequest) -> str:
        return display.ago(asked.delivered_at)

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = super().get_list_display(request)
        return columns if self.has_answer_permission(request) else columns[:-1]

    @admin.display(description="Answer")
    def answers(self, asked: PermissionRequest) -> str:
        if asked.status != PENDING:
            return f"by {asked.decided_by}" if asked.decided_by else ""
        if asked.is_question or not _is_seen_whole(asked):
            return format_html(
                '<a class="st-button st-small" href="{}">Review</a>',
                display.find_page(asked),
            )
        # They submit the list's own form, which has the CSRF token, to another address.
        return format_html(
            '<span class="st-row">'
            '<button class="st-button st-small" formaction="{0}" name="decision" value="allow">Allow</button>'
            '<button class="st-button st-small" formaction="{0}" name="decision" value="deny">Deny</button>'
            "</span>",
            reverse("admin:tasks_permissionrequest_answer", args=[asked.pk]),
        )

    @admin.action(description="Allow selected requests", permissions=["answer"])
    def allow_selected(
        self, request: HttpRequest, queryset: QuerySet[PermissionRequest]
    ) -> None:
        seen = [asked for asked in queryset if _is_seen_whole(asked)]
        self._answer_all(request, seen, is_allowed=True)
        if unseen := len(queryset) - len(seen):
            self.message_user(
                request,
                f"Not allowed, since the list does not show all of what is asked: {unseen}."
                " Review each of these.",
                messages.WARNING,
            )

    @admin.action(description="Deny selected requests", permissions=["answer"])
    def deny_selected(
        self, request: HttpRequest, queryset: QuerySet[PermissionRequest]
    ) -> None:
        self._answer_all(request, queryset, is_allowed=False)

    def _answer_all(
        self,
        request: HttpRequest,
        requests: Iterable[PermissionRequest],
        *,
        is_allowed: bool,
    ) -> None:
        decision = Decision(is_allowed=is_allowed, by=request.user.get_username())
        for asked in requests:
            if asked.is_question:
                why = f"{asked} A question is answered on its own page."
                self.message_user(request, why, messages.WARNING)
            else:
                self._decide(request, asked, decision)

    def _decide(
        self, request: HttpRequest, asked: PermissionRequest, decision: Decision
    ) -> None:
        raises = asked.is_of_budget and decision.is_allowed
        if raises and not rights.may(request.user, rights.CHANGE_BUDGET):
            why = f"{asked} To raise a budget needs the right {rights.CHANGE_BUDGET}."
            self.message_user(request, why, messages.ERROR)
            return
        try:
            auditing.decide(request, asked, decision)
        except AlreadyDecided as error:
            self.message_user(request, f"{asked}: {error}", messages.ERROR)
            return
        words = ("Answered", "Not answered") if asked.is_question else DECIDED
        verb = words[0] if decision.is_allowed else words[1]
        rule = " A rule was saved." if decision.always_allow else ""
        # The page of a workflow need not say of which workflow.
        is_elsewhere = request.POST.get("next") != "workflow"
        name = name_request(asked, of_workflow=is_elsewhere)
        self.message_user(request, f"{verb}: {name}.{rule}", messages.SUCCESS)

    def get_urls(self) -> list[URLPattern]:
        answer = path(
            "<str:request_id>/answer/",
            self.admin_site.admin_view(require_POST(self.answer_view)),
            name="tasks_permissionrequest_answer",
        )
        return [answer, *super().get_urls()]

    def answer_view(self, request: HttpRequest, request_id: str) -> HttpResponse:
        if not self.has_answer_permission(request):
            raise PermissionDenied
        asked = PermissionRequest.objects.filter(pk=request_id).first()
        if asked is None:
            raise Http404("Permission request not found")
        try:
            decision = read_decision(request, asked)
        except ValidationError as error:
            return self._ask_again(request, asked, error)
        if decision.always_allow and not request.user.has_perm(rights.MAKE_RULES):
            raise PermissionDenied
        self._decide(request, asked, decision)
        if request.POST.get("next") == "overview":
            return HttpResponseRedirect(reverse("admin:index"))
        if request.POST.get("next") == "task":
            return HttpResponseRedirect(display.find_page(asked.task))
        if request.POST.get("next") == "workflow" and asked.task.workflow:
            return HttpResponseRedirect(display.find_page(asked.task.workflow))
        return HttpResponseRedirect(reverse("admin:tasks_permissionrequest_changelist"))

    def _ask_again(
        self, request: HttpRequest, asked: PermissionRequest, error: ValidationError
    ) -> HttpResponse:
        """Show the request with what was typed, and why that will not do."""
        if asked.status != PENDING:
            self.message_user(request, error.messages[0], messages.ERROR)
            return HttpResponseRedirect(display.find_page(asked))
        pattern = request.POST.get("pattern")
        card = RequestCard.make(asked, pattern=pattern, error=error.messages[0])
        request.method = "GET"  # what follows shows the page
        return self.change_view(
            request,
            asked.pk,
            extra_context={"card": card, "next": request.POST.get("next")},
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        asked = kwargs.get("obj")
        if asked and asked.status == PENDING:
            context.setdefault("card", RequestCard.make(asked))
        return super().render_change_form(request, context, *args, **kwargs)


def _short(text: str) -> SafeString:
    return display.shorten(text, SHOWN_IN_LIST)


def _is_seen_whole(asked: PermissionRequest) -> bool:
    """Whether the list shows all of what is asked: who has not seen it does not allow it."""
    return _short(asked.action) == display.reveal(asked.action)
