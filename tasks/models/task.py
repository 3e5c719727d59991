from collections.abc import Sequence
from typing import Any, Self, TypeAlias
from uuid import UUID

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models
from django.db.models.expressions import RawSQL

from stagent.database.compiled import CompiledInsert
from stagent.database.compiled.insert import Statement
from tasks.models import task_status
from tasks.models.ids import new_id
from tasks.models.task_status import FINAL, Status

MAX_RESUME_COUNT = 3
NO_TAGS = "[]"
DEFAULT_MAX_TURNS = 50
DEFAULT_MAX_BUDGET_MICRODOLLARS = 2_000_000
MAX_TIMEOUT_MINUTES = 30 * 24 * 60
WORKFLOW_STEP_MAX_BUDGET_MICRODOLLARS = 5_000_000


class TaskQuerySet(models.QuerySet["Task"]):
    """Tasks by what they wait for."""

    def insert(self, *rows: "Task", beside: Sequence[Statement] = ()) -> None:
        """Insert new rows by one statement that is compiled once, as `save()` would.

        On PostgreSQL what is `beside` is a part of that statement.
        """
        _insert(*rows, beside=beside)

    def listed(self) -> Self:
        """Those that people have made, or schedules and workflows for them."""
        return self.filter(is_assist=False)

    def with_spent(self, *, after: UUID | None = None) -> Self:
        """Those that have used a model, with their `spent`, of which there is an index.

        Of those with ids `after` one, PostgreSQL reads no others' costs. By a join that no relation makes: the ledger names tasks by id, for it outlives them.
        """
        joined: Any = self.extra(
            tables=["ledger_tasktotal"],
            where=["ledger_tasktotal.task_id = tasks_task.id"],
        )
        if after:
            is_native = connection.features.has_native_uuid_field
            joined = joined.extra(
                where=["ledger_tasktotal.task_id > %s"],
                params=[after if is_native else after.hex],
            )
        column = RawSQL(
            "ledger_tasktotal.spent_microdollars", (), models.BigIntegerField()
        )
        # The index has it too, so that those that cost the same are not sorted.
        same = RawSQL("ledger_tasktotal.task_id", (), models.UUIDField())
        found: Self = joined.annotate(spent=column, spent_of=same)
        return found

    def waiting_for_decision(self) -> Self:
        """Those whose agent waits for a person."""
        return self.filter(permission_requests__status="pending").distinct()


class Task(models.Model):
    """What a person wants done."""

    # Written apart, for `Meta` sees no name of this class: elsewhere it is `Task.Status`.
    Status: TypeAlias = task_status.Status

    # Version 7: the order of ids is the order of creation, so no other index is needed for it.
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    title = models.CharField(max_length=200)
    description = models.TextField(
        blank=True, help_text="The brief that the agent gets."
    )
    project = models.ForeignKey(
        "tasks.Project",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="tasks",
        db_index=False,
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.PLANNED)
    priority = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(0), MaxValueValidator(3)],
        help_text="0 is the most urgent, 3 the least.",
    )
    assigned_agent = models.CharField(
        max_length=40, blank=True, help_text="The runtime. Empty: the default one."
    )
    agent_profile = models.CharField(
        max_length=100, blank=True, help_text="Empty: chosen by title and description."
    )
    model = models.CharField(
        max_length=200, blank=True, help_text="Empty: the profile's or runtime's."
    )
    effort = models.CharField(
        max_length=20, blank=True, help_text="How hard the model thinks."
    )
    documents = models.ManyToManyField(
        "tasks.Document", blank=True, related_name="tasks"
    )
    files_from = models.ManyToManyField(
        "self",
        symmetrical=False,
        blank=True,
        related_name="files_for",
        help_text="Tasks whose files this one begins with.",
    )
    max_turns = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text=f"Requests to the model a run. Empty: {DEFAULT_MAX_TURNS}.",
    )
    max_budget_microdollars = models.PositiveBigIntegerField(null=True, blank=True)
    timeout_minutes = models.FloatField(
        null=True,
        blank=True,
        help_text="What a run may take, without the time that it waits for people.",
    )
    # Text, not JSONField: PostgreSQL would reorder keys, in whose order a model answers.
    output_schema = models.TextField(
        blank=True, help_text="A JSON Schema that the result is to satisfy."
    )
    # One question to a model: it is no task of anybody's, and only lists of its own show it.
    is_assist = models.BooleanField(default=False, editable=False)
    assist = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="suggested_tasks",
        db_index=False,
        help_text="The assist that suggested it.",
    )

    workflow = models.ForeignKey(
        "tasks.Workflow",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="tasks",
        db_index=False,
    )
    workflow_run = models.UUIDField(
        null=True, blank=True, help_text="Steps of one run of a workflow share this."
    )
    schedule = models.ForeignKey(
        "tasks.Schedule",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="tasks",
        db_index=False,
    )
    created_by = models.CharField(max_length=150, blank=True, editable=False)
    # A JSON array of texts, as lists show it; what is looked for are the rows of TaskTag.
    tags = models.TextField(default=NO_TAGS, editable=False)

    result = models.TextField(blank=True)
    resume_count = models.PositiveSmallIntegerField(default=0, editable=False)
    # The one run that may write: every write of a worker names it, so that a run which
    # was closed meanwhile writes nothing. No foreign key: a run is made after its task.
    live_run = models.UUIDField(null=True, blank=True, editable=False)
    log_sequence = models.PositiveIntegerField(default=0, editable=False)
    took_milliseconds = models.PositiveBigIntegerField(
        null=True, editable=False, help_text="How long its runs took together."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["priority", "-id"]
        indexes = [
            models.Index(fields=["priority", "-id"], name="task_order"),
            models.Index(
                fields=["status", "priority", "-id"], name="task_order_by_status"
            ),
            models.Index(
                fields=["project", "priority", "-id"], name="task_order_by_project"
            ),
            models.Index(
                fields=["project", "status", "priority", "-id"],
                name="task_order_by_both",
                condition=models.Q(project__isnull=False),
            ),
            models.Index(
                fields=["assigned_agent", "priority", "-id"], name="task_order_by_agent"
            ),
            models.Index(
                fields=["agent_profile", "priority", "-id"],
                name="task_order_by_profile",
            ),
            models.Index(fields=["-updated_at"], name="task_last_updated"),
            models.Index(
                fields=["-took_milliseconds", "-id"],
                name="task_longest",
                condition=models.Q(took_milliseconds__isnull=False),
            ),
            # Of the few that have one: each index of all is a page more that an INSERT writes.
            *(
                models.Index(
                    fields=[field],
                    name=f"task_{field}",
                    condition=models.Q(**{f"{field}__isnull": False}),
                )
                for field in ("workflow", "workflow_run", "assist")
            ),
            models.Index(
                fields=["schedule", "priority", "-id"],
                name="task_order_by_schedule",
                condition=models.Q(schedule__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(priority__lte=3), name="priority_up_to_3"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=Status), name="status_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_finished(self) -> bool:
        return self.status in FINAL

    @property
    def budget_microdollars(self) -> int:
        """What all runs of this task together may cost."""
        if self.max_budget_microdollars is not None:
            return self.max_budget_microdollars
        if self.workflow_id:
            return WORKFLOW_STEP_MAX_BUDGET_MICRODOLLARS
        return DEFAULT_MAX_BUDGET_MICRODOLLARS


_insert = CompiledInsert(Task)
