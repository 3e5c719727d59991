"""A workflow, its runs, and the steps of each run.

These rows are the truth of what a workflow does: `tasks.workflows.advance` moves them on.
"""

from datetime import datetime
from typing import Self
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from stagent.database.compiled import CompiledUpdate
from tasks import pubsub
from tasks.models.ids import new_id


class Workflow(models.Model):
    """Several tasks that are steps towards one thing."""

    class Status(models.TextChoices):
        """What the last run makes of the workflow."""

        DRAFT = "draft"
        ACTIVE = "active"
        PAUSED = "paused"
        COMPLETED = "completed"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    project = models.ForeignKey(
        "tasks.Project",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="workflows",
    )
    # Text, not JSONField: it is shown again as it was written, its keys in their order.
    definition = models.TextField(
        blank=True, help_text="JSON: its pattern and its steps."
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.DRAFT)
    run_number = models.PositiveIntegerField(
        default=0, editable=False, help_text="Of the last run; 0 before the first."
    )
    assist = models.ForeignKey(
        "tasks.Task",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="suggested_workflows",
        help_text="The assist that suggested it.",
    )
    created_by = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="workflow_newest_first")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_in_hand(self) -> bool:
        """Whether a run of it is active or paused."""
        return self.status in {self.Status.ACTIVE, self.Status.PAUSED}


class WorkflowDocument(models.Model):
    """A document that every step of a workflow is given, or one step of it."""

    workflow = models.ForeignKey(
        Workflow, on_delete=models.CASCADE, related_name="documents"
    )
    document = models.ForeignKey(
        "tasks.Document", on_delete=models.CASCADE, related_name="+"
    )
    step_id = models.CharField(
        max_length=100, blank=True, help_text="Empty: each step."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "document", "step_id"],
                name="one_binding_per_document",
            )
        ]

    def __str__(self) -> str:
        return f"{self.document} for {self.step_id or 'each step'}"


class WorkflowRunQuerySet(models.QuerySet["WorkflowRun"]):
    """Runs of workflows by whether they are live."""

    def live(self) -> Self:
        return self.filter(
            status__in=[WorkflowRun.Status.ACTIVE, WorkflowRun.Status.PAUSED]
        )

    def due(self) -> Self:
        """Those to advance now, the one that has waited longest first."""
        return self.filter(due_at__lte=timezone.now()).order_by("due_at")

    def next_due_at(self) -> datetime | None:
        planned = self.filter(due_at__isnull=False).order_by("due_at")
        return planned.values_list("due_at", flat=True).first()


class WorkflowRun(models.Model):
    """One execution of a workflow. Its steps' tasks have its id as their `workflow_run`."""

    class Status(models.TextChoices):
        """How far a run is, or how it ended."""

        ACTIVE = "active"
        PAUSED = "paused"
        COMPLETED = "completed"
        FAILED = "failed"
        STOPPED = "stopped"

    class StopReason(models.TextChoices):
        """Why a loop ended."""

        MAX_ITERATIONS = "max_iterations"
        TIME_BUDGET = "time_budget"
        AGENT_SIGNALED = "agent_signaled"
        HUMAN_PAUSE = "human_pause"
        HUMAN_CANCEL = "human_cancel"
        ERROR = "error"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # It outlives its workflow, as its tasks do.
    workflow = models.ForeignKey(
        Workflow, null=True, on_delete=models.SET_NULL, related_name="runs"
    )
    workflow_name = models.CharField(max_length=200)
    project = models.ForeignKey(
        "tasks.Project", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    number = models.PositiveIntegerField()
    definition = models.TextField(help_text="As it was when the run began.")
    status = models.CharField(max_length=9, choices=Status, default=Status.ACTIVE)
    stop_reason = models.CharField(max_length=14, choices=StopReason, blank=True)
    reason = models.TextField(blank=True, help_text="Why it is paused, or failed.")
    due_at = models.DateTimeField(
        null=True, blank=True, help_text="When a worker is to look at it."
    )
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = WorkflowRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "number"], name="one_run_per_number"
            ),
            models.UniqueConstraint(
                fields=["workflow"],
                condition=Q(status__in=["active", "paused"]),
                name="one_live_run_per_workflow",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                name="workflow_run_due",
                condition=Q(due_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.workflow_name}, run {self.number}"

    @property
    def is_live(self) -> bool:
        return self.status in {self.Status.ACTIVE, self.Status.PAUSED}


class StepRun(models.Model):
    """One attempt at a step, or at one iteration of a loop's step.

    While its task is there, the task's status is the truth; `status` is as it was last seen.
    """

    class Status(models.TextChoices):
        """How far a step is, or how it ended."""

        WAITING_APPROVAL = "waiting_approval", "waiting for approval"
        DELAYED = "delayed"
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"

    run = models.ForeignKey(
        WorkflowRun, on_delete=models.CASCADE, related_name="steps", db_index=False
    )
    step_id = models.CharField(max_length=100)
    iteration = models.PositiveIntegerField(default=0, help_text="Of a loop, from 0.")
    attempt = models.PositiveIntegerField(default=1)
    is_retried = models.BooleanField(
        default=False, help_text="A later attempt takes its place."
    )
    status = models.CharField(max_length=16, choices=Status)
    task = models.ForeignKey(
        "tasks.Task", null=True, on_delete=models.SET_NULL, related_name="step_runs"
    )
    approval = models.ForeignKey(
        "tasks.PermissionRequest",
        null=True,
        on_delete=models.SET_NULL,
        related_name="step_runs",
    )
    delayed_until = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "step_id", "iteration", "attempt"],
                name="one_step_run_per_attempt",
            )
        ]

    def __str__(self) -> str:
        return self.step_id

    @property
    def is_over(self) -> bool:
        return self.status in {self.Status.COMPLETED, self.Status.FAILED}


# Each change of a step's task does this, so it is compiled once.
_mark_due = CompiledUpdate(
    lambda run_id, due_at: (
        WorkflowRun.objects.filter(pk=run_id),
        {"due_at": due_at},
    ),
    run_id=UUID,
    due_at=datetime,
)


def mark_due(run_id: UUID | None) -> None:
    """Let a worker look at this run soon, in the caller's transaction; without one, nothing.

    Whoever changes a step's task calls it, with the task's row held.
    """
    if run_id is not None:
        _mark_due(run_id=run_id, due_at=timezone.now())
        transaction.on_commit(pubsub.wake_workers)
