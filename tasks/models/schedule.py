"""What starts tasks, or a workflow, at certain times; and each time that it did or did not."""

from typing import Self

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q

from tasks.models.ids import new_id
from tasks.models.task import Task
from tasks.models.task_status import FINAL
from tasks.models.workflow import WorkflowRun

MAX_FAILURES = 3  # in a row; then a schedule is paused


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    """Schedules by their status."""

    def active(self) -> Self:
        return self.filter(status=Schedule.Status.ACTIVE)


class Schedule(models.Model):
    """A plan by which a task, or a workflow, is started at certain times."""

    class Status(models.TextChoices):
        """Whether it fires."""

        ACTIVE = "active"
        PAUSED = "paused"
        EXHAUSTED = "exhausted"  # as often as it was to fire, or past its end

    class Type(models.TextChoices):
        """Whether each firing does the same, or goes through a checklist."""

        SCHEDULED = "scheduled"
        HEARTBEAT = "heartbeat"  # goes through a checklist and tells whether to act

    class Overlap(models.TextChoices):
        """What a firing does while the one before still runs."""

        SKIP = "skip"
        QUEUE = "queue"

    class CatchUp(models.TextChoices):
        """What is done about times that were missed."""

        ONE = "one"
        NONE = "none"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    type = models.CharField(max_length=10, choices=Type, default=Type.SCHEDULED)
    prompt = models.TextField(
        blank=True, help_text="The brief of each task that it starts."
    )
    workflow = models.ForeignKey(
        "tasks.Workflow",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="schedules",
        help_text="Started in place of a task.",
    )
    project = models.ForeignKey(
        "tasks.Project",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="schedules",
    )
    assigned_agent = models.CharField(max_length=40, blank=True)
    agent_profile = models.CharField(max_length=100, blank=True)
    documents = models.ManyToManyField(
        "tasks.Document", blank=True, related_name="schedules"
    )

    interval = models.CharField(max_length=200, blank=True)
    cron_expression = models.CharField(max_length=200, blank=True, editable=False)
    timezone = models.CharField(
        max_length=64, default="UTC", help_text="Such as Europe/Berlin."
    )
    overlap = models.CharField(
        max_length=5,
        choices=Overlap,
        default=Overlap.SKIP,
        help_text="While the last firing's task still runs: leave the next one out, or"
        " start it when that has ended.",
    )
    catchup = models.CharField(
        max_length=4,
        choices=CatchUp,
        default=CatchUp.ONE,
        help_text="After times at which no worker ran: fire once for all of them, or not.",
    )
    recurs = models.BooleanField(default=True)
    max_firings = models.PositiveIntegerField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    checklist = models.JSONField(default=list, blank=True)
    active_hours_start = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(23)]
    )
    active_hours_end = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(23)]
    )
    active_timezone = models.CharField(max_length=64, default="UTC")
    heartbeat_budget_microdollars = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="A day."
    )

    status = models.CharField(max_length=9, choices=Status, default=Status.ACTIVE)
    pause_reason = models.TextField(blank=True, editable=False)
    next_fire_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_fired_at = models.DateTimeField(null=True, blank=True, editable=False)
    firing_count = models.PositiveIntegerField(default=0, editable=False)
    failure_streak = models.PositiveIntegerField(default=0, editable=False)
    suppression_count = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="Heartbeats in a row that found nothing to do.",
    )
    last_action_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["active", "paused", "exhausted"]),
                name="schedule_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(status="active") | Q(next_fire_at__isnull=True),
                name="only_active_schedules_are_due",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_fire_at"],
                name="schedule_due",
                condition=Q(next_fire_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that it could start."""
        is_heartbeat = self.type == self.Type.HEARTBEAT
        what = self.checklist if is_heartbeat else self.prompt
        return not (self.workflow_id or what)


class FiringQuerySet(models.QuerySet["Firing"]):
    """Firings by whether they go on."""

    def going_on(self) -> Self:
        """Those whose end has not been written down yet."""
        return self.filter(status=Firing.Status.STARTED, ended_at__isnull=True)

    def just_ended(self) -> Self:
        """Those of them whose task or workflow run has ended, or is gone.

        A task that was put back to planned is no longer this firing's either.
        """
        ended = Q(task__status__in=[*FINAL, Task.Status.PLANNED])
        gone = Q(task__status__isnull=True, workflow_run__isnull=True)
        live_run = WorkflowRun.objects.live().filter(pk=OuterRef("workflow_run"))
        run_ended = Q(workflow_run__isnull=False) & ~Exists(live_run)
        return self.going_on().filter(ended | gone | run_ended)

    def over(self) -> Self:
        """Those of which nothing more comes."""
        is_live = Q(status=Firing.Status.STARTED, ended_at__isnull=True)
        return self.exclude(is_live | Q(status=Firing.Status.WAITING))

    def waiting(self) -> Self:
        return self.filter(status=Firing.Status.WAITING)


class Firing(models.Model):
    """One time that a schedule came due, or was run by hand, and what came of it."""

    class Status(models.TextChoices):
        """What became of a firing."""

        STARTED = "started"
        WAITING = "waiting"  # for the end of the firing before
        SKIPPED = "skipped"
        REFUSED = "refused"  # by a budget, or because its runtime is not ready
        MISSED = "missed"  # no worker ran

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    schedule = models.ForeignKey(
        Schedule, on_delete=models.CASCADE, related_name="firings", db_index=False
    )
    scheduled_for = models.DateTimeField()
    status = models.CharField(max_length=7, choices=Status)
    reason = models.TextField(blank=True)
    is_manual = models.BooleanField(default=False)
    number = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of those that were started, from 1."
    )
    # Kept when the task is deleted: what it spent counts for the day's budget.
    task = models.ForeignKey(
        "tasks.Task",
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="firings",
    )
    workflow_run = models.UUIDField(null=True, blank=True)
    outcome = models.CharField(
        max_length=10, blank=True, help_text="What became of its task or workflow."
    )
    report = models.JSONField(
        null=True, blank=True, help_text="What a heartbeat's agent found."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = FiringQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Whatever clocks do, a schedule fires once for each of its times.
            models.UniqueConstraint(
                fields=["schedule", "scheduled_for"], name="one_firing_per_time"
            ),
            models.UniqueConstraint(
                fields=["schedule"],
                condition=Q(status="waiting"),
                name="one_waiting_firing_per_schedule",
            ),
        ]
        indexes = [
            models.Index(fields=["schedule", "-id"], name="firing_newest_first"),
            models.Index(
                fields=["workflow_run"],
                name="firing_workflow_run",
                condition=Q(workflow_run__isnull=False),
            ),
            models.Index(
                fields=["id"],
                name="firing_going_on",
                condition=Q(status="started", ended_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number}" if self.number else self.get_status_display()
