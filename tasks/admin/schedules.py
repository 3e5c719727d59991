"""Schedules: when they fire next, what came of each firing; to be paused and run now."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from ledger.budgets import BudgetExceeded
from tasks.access import rights
from tasks.admin import display
from tasks.admin.auditing import recorded
from tasks.admin.material import HasTasksAdmin
from tasks.admin.schedule_form import ScheduleForm
from tasks.admin.schedule_preview import describe_moment, in_short, preview
from tasks.api.representation.schedules import next_times
from tasks.exceptions import Conflict, Refused
from tasks.models import Firing, Schedule, Worker
from tasks.schedules import changes
from tasks.schedules.clock import describe
from tasks.schedules.exceptions import NeverFires
from tasks.schedules.firing import fire_now

SHOWN_FIRINGS = 50


@dataclass(frozen=True)
class FiringRow:
    """One firing, as the page of its schedule lists it."""

    number: str
    due: str
    status: SafeString
    started: str
    outcome: SafeString | str
    reason: SafeString

    @classmethod
    def make(cls, firing: Firing, schedule: Schedule) -> "FiringRow":
        started = schedule.workflow if firing.workflow_run else firing.task
        return cls(
            number=str(firing.number or display.EMPTY),
            due=display.ago(firing.scheduled_for),
            status=display.state(firing.status, firing.get_status_display()),
            started=display.link(started),
            outcome=display.state(firing.outcome) if firing.outcome else display.EMPTY,
            reason=display.reveal(
                firing.reason or ("Run now" if firing.is_manual else "")
            ),
        )


@admin.register(Schedule)
class ScheduleAdmin(HasTasksAdmin):
    """Schedules, with their firings and the next times."""

    form = ScheduleForm
    task_column = "schedule"
    adds_when_empty = True
    empty_text = (
        "A schedule starts a task at certain times. Add one here, or over the REST API"
        " with POST /api/schedules."
    )
    list_display: Any = (
        *("name", "state", "starts", "interval", "next_time", "last_time", "tasks"),
    )
    list_select_related = ("workflow",)
    list_filter = ("status", "type")
    sortable_by: ClassVar[Any] = ("name",)
    autocomplete_fields = ("project", "documents", "workflow")
    change_form_outer_before_template: Any = "tasks/schedule_before.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *("name", "starts", "workflow"),
                    *("type", "prompt", "points", "project"),
                )
            },
        ),
        ("When", {"fields": ("interval", "timezone", "overlap", "catchup")}),
        (
            "Limits",
            {
                "classes": ["collapse"],
                "fields": (
                    *("recurs", "max_firings", "expires_at", "budget_usd"),
                    *("active_hours_start", "active_hours_end", "active_timezone"),
                ),
            },
        ),
        (
            "Agent",
            {
                "classes": ["collapse"],
                "fields": ("assigned_agent", "agent_profile", "documents"),
            },
        ),
    )

    # --- The list -------------------------------------------------------------------

    @admin.display(description="Status")
    def state(self, schedule: Schedule) -> str:
        return display.state(schedule.status, schedule.get_status_display())

    @admin.display(description="Starts")
    def starts(self, schedule: Schedule) -> str:
        return display.link(schedule.workflow) if schedule.workflow else "A task"

    @admin.display(description="Next")
    def next_time(self, schedule: Schedule) -> str:
        """Say when by the clock of the schedule's zone, and how soon that is."""
        moment = schedule.next_fire_at
        if moment is None:
            return display.EMPTY
        if moment - timezone.now() > timedelta(days=1):
            return in_short(moment, schedule)
        return format_html(
            '{}<br><span class="st-quiet">{}</span>',
            in_short(moment, schedule),
            display.ago(moment),
        )

    @admin.display(description="Last")
    def last_time(self, schedule: Schedule) -> str:
        return display.ago(schedule.last_fired_at)

    # --- One schedule ----------------------------------------------------------------

    @admin.display(description="Checklist")
    def points(self, schedule: Schedule) -> str:
        """Show the checklist to who may not edit it."""
        return "; ".join(item["instruction"] for item in schedule.checklist)

    @admin.display(description="Budget a day (USD)")
    def budget_usd(self, schedule: Schedule) -> str:
        budget = schedule.heartbeat_budget_microdollars
        return display.EMPTY if budget is None else display.money(budget)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Let nobody give an agent what they may not see, nor run what they may not run."""
        needs = {
            "documents": rights.VIEW_DOCUMENTS,
            "workflow": rights.CHANGE_WORKFLOW,
        }
        return tuple(
            name for name, right in needs.items() if not rights.may(request.user, right)
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and _may_start(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_change = super().has_change_permission(request, obj)
        return may_change and _may_start(request, obj)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if schedule := kwargs.get("obj"):
            context |= _sections(schedule)
            context["may_change"] = self.has_change_permission(request, schedule)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        if not change:
            obj.created_by = request.user.get_username()
            changes.create(obj)
        elif columns := form.changed_columns():
            values = {name: getattr(obj, name) for name in columns}
            changes.change(obj.pk, values, by=request.user.get_username())

    def delete_model(self, request: HttpRequest, obj: Schedule) -> None:
        changes.remove(obj.pk)

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[Schedule]
    ) -> None:
        for schedule in queryset:
            changes.remove(schedule.pk)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name the schedules alone: their firings go with them, their tasks stay."""
        schedules = list(objs)
        return (
            [str(schedule) for schedule in schedules],
            {"schedules": len(schedules)},
            set(),
            [],
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.do_view))
        do = path("<uuid:schedule_id>/do/<str:name>/", view, name="tasks_schedule_do")
        told = self.admin_site.admin_view(require_POST(self.preview_view))
        preview = path("preview/", told, name="tasks_schedule_preview")
        return [preview, do, *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Say what the form's interval means, while it is written."""
        if not (
            self.has_add_permission(request) or self.has_change_permission(request)
        ):
            raise PermissionDenied
        return JsonResponse(preview(request.POST, timezone.now()))

    def do_view(
        self, request: HttpRequest, schedule_id: UUID, name: str
    ) -> HttpResponse:
        schedule = Schedule.objects.filter(pk=schedule_id).first()
        if schedule is None or name not in VERBS:
            raise Http404
        if not self.has_change_permission(request, schedule):
            raise PermissionDenied
        verb, done = VERBS[name]
        try:
            with recorded(request, name.replace("_", "-"), schedule):
                verb(schedule, by=request.user.get_username())
        except Refused as error:
            self.message_user(request, error.explain_in_admin(), messages.ERROR)
        except (BudgetExceeded, Conflict, NeverFires) as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, f"{done}: {schedule}.", messages.SUCCESS)
            if name == "run_now" and (absence := Worker.objects.absence()):
                self.message_user(request, absence, messages.WARNING)
        return HttpResponseRedirect(display.find_page(schedule))


VERBS: dict[str, tuple[Any, str]] = {
    "run_now": (fire_now, "Started"),
    "pause": (changes.pause, "Paused"),
    "resume": (changes.resume, "Resumed"),
}


def _may_start(request: HttpRequest, schedule: Schedule | None = None) -> bool:
    """Tell whether somebody may start what the schedule starts."""
    has_workflow = schedule is not None and schedule.workflow_id is not None
    needed = [rights.ADD_TASK, *([rights.CHANGE_WORKFLOW] if has_workflow else [])]
    return all(rights.may(request.user, right) for right in needed)


def _sections(schedule: Schedule) -> dict[str, Any]:
    firings = schedule.firings.select_related("task")[:SHOWN_FIRINGS]
    cron = schedule.cron_expression
    return {
        "schedule": schedule,
        "status": display.state(schedule.status, schedule.get_status_display()),
        "words": describe(cron) if cron else "",
        "next_times": [
            describe_moment(moment, schedule) for moment in next_times(schedule)
        ],
        "firings": [FiringRow.make(firing, schedule) for firing in firings],
        "last": display.ago(schedule.last_fired_at),
    }
