"""What the server wrote down about tasks: runs, sessions, log entries."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ledger.admin.display import make_moment_column
from ledger.admin.read_only import ReadOnlyAdmin
from tasks.admin import display
from tasks.admin.base import ProfileFilter, RuntimeFilter, profile_name, runtime_title
from tasks.models import LogEntry, Run, Session, SessionItem, Task


class OfTaskAdmin(ReadOnlyAdmin):
    """A record of what happened to a task."""

    list_select_related: ClassVar[Any] = ("task",)
    id_fields: ClassVar[tuple[str, ...]] = ("pk", "task_id")
    narrow_filters = frozenset({"task__id__exact", "task", "task_id"})

    @admin.display(description="Task")
    def task_link(self, obj: Any) -> str:
        return display.link(obj.task)


class RunStatusFilter(admin.ChoicesFieldListFilter):
    """Runs by status, in the words of the list."""

    def choices(self, changelist: Any) -> Any:
        lost = str(Run.Status.LOST.label)
        for choice in super().choices(changelist):
            is_lost = choice["display"] == lost
            yield {**choice, "display": display.TAKEN_OVER} if is_lost else choice


@admin.register(Run)
class RunAdmin(OfTaskAdmin):
    """Runs, read-only."""

    shown_queued_at = make_moment_column("queued_at")
    shown_not_before = make_moment_column("not_before")
    shown_started_at = make_moment_column("started_at")
    shown_finished_at = make_moment_column("finished_at")
    shown_lease_expires_at = make_moment_column("lease_expires_at")
    shown_cancel_requested_at = make_moment_column("cancel_requested_at")
    empty_text = "A run is one attempt at a task. Execute a task to start one."
    list_display = (
        "attempt",
        "task_link",
        "state",
        "runtime_title",
        "profile_name",
        "worker",
        "queued",
        "took",
        "short_error",
    )
    list_display_links = ("attempt",)
    list_filter = (
        ("status", RunStatusFilter),
        RuntimeFilter,
        ProfileFilter,
        "queued_at",
    )
    ordering = ("-pk",)
    search_fields = ("worker", "error")
    search_help_text = (
        "A part of the worker's name or the error, or a run's or task's whole id"
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "task_link",
                    "attempt",
                    "state",
                    "is_resume",
                    "is_follow_up",
                    "started_by",
                )
            },
        ),
        (
            "Agent",
            {
                "fields": (
                    "runtime_title",
                    "profile_name",
                    "model",
                    "effort",
                    "session_link",
                )
            },
        ),
        (
            "Times",
            {
                "fields": (
                    "shown_queued_at",
                    "shown_not_before",
                    "shown_started_at",
                    "shown_finished_at",
                    "took",
                    "worker",
                    "shown_lease_expires_at",
                    "shown_cancel_requested_at",
                )
            },
        ),
        ("Error", {"fields": ("shown_error", "shown_traceback")}),
    )

    @admin.display(description="Status", ordering="status")
    def state(self, run: Run) -> str:
        return display.run_state(run)

    @admin.display(description="Runtime")
    def runtime_title(self, run: Run) -> str:
        return runtime_title(run.runtime)

    @admin.display(description="Profile")
    def profile_name(self, run: Run) -> str:
        return profile_name(run.profile)

    @admin.display(description="Session")
    def session_link(self, run: Run) -> str:
        return display.link(run.session)

    @admin.display(description="Queued")
    def queued(self, run: Run) -> str:
        return display.ago(run.queued_at)

    @admin.display(description="Took")
    def took(self, run: Run) -> str:
        return display.duration(run.started_at, run.finished_at)

    @admin.display(description="Error")
    def short_error(self, run: Run) -> SafeString:
        return display.shorten(run.error, 60)

    @admin.display(description="Error")
    def shown_error(self, run: Run) -> SafeString:
        return display.reveal(run.error)

    @admin.display(description="Traceback")
    def shown_traceback(self, run: Run) -> SafeString | str:
        return display.block(run.traceback) if run.traceback else ""


class CheckpointFilter(admin.SimpleListFilter):
    """Sessions by whether they can be resumed."""

    title = "checkpoint"
    parameter_name = "checkpoint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Can be resumed"), ("no", "None yet")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        none = Q(state="")
        return queryset.filter(~none if self.value() == "yes" else none)


@admin.register(Session)
class SessionAdmin(OfTaskAdmin):
    """Sessions, read-only."""

    shown_created_at = make_moment_column("created_at")
    shown_updated_at = make_moment_column("updated_at")
    empty_text = "A session is a conversation with a provider, kept so that a run can be resumed."
    list_display = ("id", "task_link", "runtime_title", "checkpoint", "updated")
    list_filter = (RuntimeFilter, CheckpointFilter)
    fields = (
        "task_link",
        "runtime_title",
        "checkpoint",
        "items",
        "shown_created_at",
        "shown_updated_at",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        # The state itself may be long, and says nothing to people.
        rows = super().get_queryset(request).defer("state")
        return rows.annotate(is_kept=~Q(state=""))

    @admin.display(description="Runtime")
    def runtime_title(self, session: Session) -> str:
        return runtime_title(session.runtime)

    @admin.display(description="Checkpoint", boolean=True)
    def checkpoint(self, session: Any) -> bool:
        return bool(session.is_kept)

    @admin.display(description="Items")
    def items(self, session: Session) -> str:
        return f"{SessionItem.objects.filter(session=session).count():,}"

    @admin.display(description="Updated")
    def updated(self, session: Session) -> str:
        return display.ago(session.updated_at)


@admin.register(LogEntry)
class LogEntryAdmin(OfTaskAdmin):
    """Log entries of all tasks, read-only."""

    empty_text = "What happens to tasks is written down here, entry by entry."
    recorded = make_moment_column("recorded_at", "Recorded")
    list_display: Any = ("recorded", "task_link", "sequence", "kind", "short_message")
    list_filter = ("event_type", "recorded_at")
    ordering = ("-pk",)
    search_fields = ("message",)
    search_help_text = "A part of the message, or a task's or run's whole id"
    id_fields = ("task_id",)
    fields = (
        "task_link",
        "run_id",
        "sequence",
        "recorded",
        "kind",
        "whole_message",
        "shown_data",
    )

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> LogEntry | None:
        """Not what is left of a deleted task's log; in the list that misses its task, too."""
        entry = super().get_object(request, object_id, from_field)
        is_there = entry and Task.objects.filter(pk=entry.task_id).exists()
        return entry if is_there else None

    def get_ordering(self, request: HttpRequest) -> Any:
        """Read a task's entries by the index of its log."""
        is_of_task = self.narrow_filters & set(request.GET)
        return ("-sequence",) if is_of_task else super().get_ordering(request)

    def filter_by_id(self, queryset: QuerySet[Any], wanted: UUID) -> QuerySet[Any]:
        """Find a run's entries in its task's log: no index leads from a run to them."""
        if task_id := Run.objects.filter(pk=wanted).values_list("task_id").first():
            return queryset.filter(task_id=task_id[0], run_id=wanted)
        return super().filter_by_id(queryset, wanted)

    @admin.display(description="Event")
    def kind(self, entry: LogEntry) -> str:
        return display.state(entry.event_type, entry.get_event_type_display())

    @admin.display(description="Message")
    def short_message(self, entry: LogEntry) -> SafeString:
        return display.shorten(entry.message, 100)

    @admin.display(description="Message")
    def whole_message(self, entry: LogEntry) -> SafeString:
        return display.block(entry.message)

    @admin.display(description="Data")
    def shown_data(self, entry: LogEntry) -> SafeString | str:
        return display.fields(entry.data) if entry.data else ""
