from collections.abc import Collection
from datetime import timedelta
from functools import lru_cache
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models import DateTimeField, Exists, ExpressionWrapper, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from stagent.database.compiled import (
    CompiledInsert,
    CompiledObjects,
    CompiledUpdate,
)
from tasks.models.ids import new_id
from tasks.models.run_total import RunTotal
from tasks.models.task_updates import add_time

MAX_LOSSES = 3  # since the last step forward
MAX_LOSSES_IN_ALL = 2 * MAX_LOSSES  # in a row
# From so many on, a run is performed in a process of its own, where it takes no other along.
POISON_LOSSES = MAX_LOSSES - 1


def _lease_end(seconds: int) -> "ExpressionWrapper[Any]":
    # The database's clock, the one that all workers share.
    lease = timedelta(seconds=seconds)
    return ExpressionWrapper(Now() + lease, output_field=DateTimeField())


class RunQuerySet(models.QuerySet["Run"]):
    """The queue: runs that are due, claimed, expired."""

    def insert(self, *rows: "Run") -> None:
        """Insert new rows by one statement that is compiled once, as `save()` would."""
        _insert(*rows)

    def live(self) -> Self:
        return self.filter(status__in=[Run.Status.QUEUED, Run.Status.RUNNING])

    def due(self) -> Self:
        """Those that a worker may claim, the most urgent first.

        Not while an earlier run of the task is still being wound down by its worker:
        they share a workspace.
        """
        held = Run.objects.filter(task=OuterRef("task"), lease_expires_at__gt=Now())
        parked = Q(not_before__gt=Now())
        return (
            self.filter(status=Run.Status.QUEUED)
            .exclude(parked)
            .exclude(Exists(held))
            .order_by("priority", "id")
        )

    def failed_for_good(self) -> Self:
        """Those that failed and whose task was not run again since."""
        return self.filter(
            status=Run.Status.FAILED, finished_at__isnull=False, task__status="failed"
        )

    def expired(self) -> Self:
        return self.filter(status=Run.Status.RUNNING, lease_expires_at__lt=Now())

    def clear_expired(self) -> None:
        """Take the leases off runs that are over, whose workers can no longer do it."""
        over = self.exclude(status=Run.Status.RUNNING)
        over.filter(lease_expires_at__lt=Now()).update(lease_expires_at=None)

    def poison(self) -> Self:
        """Those that may be what killed their workers."""
        return self.filter(losses__gte=POISON_LOSSES)

    def claim_due(
        self, worker: str, limit: int, *, without: Collection[str] = ()
    ) -> list["Run"]:
        """Claim up to `limit` due runs, passing over those that others are claiming.

        A query is compiled for each `limit`, so let there be few. Not those of the runtimes
        `without`, and no poison runs: they get a process each.
        """
        with transaction.atomic():
            due = _claimable_query(limit, frozenset(without)).all()
            return [run for run in due if run.claim(worker)]

    def claim_one(self, worker: str, run_id: UUID) -> "Run | None":
        """Claim this run if it is due and nobody else is faster."""
        run = self.due().filter(pk=run_id).first()
        return run if run and run.claim(worker) else None

    def renew(self, worker: str, run_ids: Collection[UUID]) -> frozenset[UUID]:
        """Extend the leases of `run_ids`, and return the runs that `worker` has lost."""
        held = self.filter(pk__in=run_ids, worker=worker, status=Run.Status.RUNNING)
        if held.update(lease_expires_at=_lease_end(settings.STAGENT_LEASE_SECONDS)) == (
            len(run_ids)
        ):
            return frozenset()
        return frozenset(run_ids) - set(held.values_list("pk", flat=True))


class Run(models.Model):
    """One attempt at a task. A queued one waits for a worker: the table is the queue.

    A run is claimed once. One whose worker is gone is closed, and a new row goes on from
    its session's checkpoint, so that the row itself fences the late worker.
    """

    class Status(models.TextChoices):
        """How far a run is, or how it ended."""

        QUEUED = "queued"
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"
        HANDED_OVER = "handed_over", "handed over"  # its worker stopped in good order
        PARKED = "parked"  # the provider takes no request for a known time
        LOST = "lost"  # its worker let the lease expire

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    task = models.ForeignKey(
        "tasks.Task", on_delete=models.CASCADE, related_name="runs"
    )
    session = models.ForeignKey(
        "tasks.Session", on_delete=models.CASCADE, related_name="runs"
    )
    attempt = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    runtime = models.CharField(max_length=40)
    profile = models.CharField(max_length=100)
    model = models.CharField(
        max_length=200, blank=True, help_text="Empty: the runtime's own choice."
    )
    effort = models.CharField(max_length=20, blank=True)
    is_resume = models.BooleanField(default=False)
    is_follow_up = models.BooleanField(
        default=False, help_text="A message to a finished task started it."
    )
    started_by = models.CharField(max_length=150, blank=True)
    priority = models.PositiveSmallIntegerField(default=2)
    # The task's, so that who ends a run need not look it up.
    workflow_run = models.UUIDField(null=True, blank=True, editable=False)

    worker = models.CharField(max_length=100, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(
        null=True, blank=True, help_text="Parked until then."
    )

    losses = models.PositiveSmallIntegerField(
        default=0,
        editable=False,
        help_text="How many workers in a row died while they performed it.",
    )

    error = models.TextField(blank=True)
    traceback = models.TextField(blank=True)
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["task", "attempt"]
        constraints = [
            models.UniqueConstraint(
                fields=["task", "attempt"], name="one_run_per_attempt"
            ),
            models.UniqueConstraint(
                fields=["task"],
                condition=Q(status__in=["queued", "running"]),
                name="one_live_run_per_task",
            ),
        ]
        indexes = [
            models.Index(
                fields=["priority", "id"],
                name="run_queue",
                condition=Q(status="queued"),
            ),
            models.Index(
                fields=["lease_expires_at"],
                name="run_leases",
                condition=Q(lease_expires_at__isnull=False),
            ),
            # What has ended lately, and how: the first page, and costs per completed task.
            models.Index(
                fields=["status", "finished_at"],
                name="run_ends",
                condition=Q(finished_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Attempt {self.attempt}"

    @property
    def is_live(self) -> bool:
        return self.status in {self.Status.QUEUED, self.Status.RUNNING}

    def claim(self, worker: str) -> bool:
        """Take this queued run under a lease; of two workers, one gets True."""
        claim = _claim_query(settings.STAGENT_LEASE_SECONDS)
        claimed = claim(run_id=self.pk, worker=worker)
        if claimed:
            _by_id.refresh(self, run_id=self.pk)
        return bool(claimed)

    def release_lease(self, worker: str) -> None:
        """Clear the lease: this worker has stopped everything that the run started."""
        _release_lease(run_id=self.pk, worker=worker)

    def request_cancel(self) -> bool:
        """Ask the worker that performs this run to stop it. It confirms by finishing.

        False if there is none to ask: nobody performs it, or whoever did let its lease expire.
        """
        running = Run.objects.filter(pk=self.pk, status=self.Status.RUNNING)
        held = running.exclude(lease_expires_at__lte=Now())
        return bool(held.update(cancel_requested_at=Now()))

    def close(
        self, status: "Run.Status", *, error: str = "", traceback: str = ""
    ) -> bool:
        """End a live run. The caller's transaction holds the task's row.

        The lease stays: only its worker can say that nothing is left of it.
        """
        is_closed = bool(
            _close(run_id=self.pk, status=status, error=error, traceback=traceback)
        )
        if is_closed:
            seconds = self._seconds()
            RunTotal.objects.add_on_commit(self.runtime, status, seconds=seconds)
            add_time(self.task_id, round(seconds * 1_000))
        return is_closed

    def _seconds(self) -> float:
        """Return how long it has been performed; 0 if nobody began."""
        if self.started_at is None:
            return 0
        return max((timezone.now() - self.started_at).total_seconds(), 0)


# --- Compiled once: every run goes this way -------------------------------------------

_insert = CompiledInsert(Run)
_by_id = CompiledObjects(
    lambda run_id: Run.objects.filter(pk=run_id).order_by(), run_id=UUID
)
_close = CompiledUpdate(
    lambda run_id, **columns: (
        Run.objects.live().filter(pk=run_id),
        {**columns, "finished_at": Now()},
    ),
    run_id=UUID,
    status=str,
    error=str,
    traceback=str,
)
_release_lease = CompiledUpdate(
    lambda run_id, worker: (
        Run.objects.filter(pk=run_id, worker=worker).exclude(status=Run.Status.RUNNING),
        {"lease_expires_at": None},
    ),
    run_id=UUID,
    worker=str,
)


@lru_cache
def _claimable_query(limit: int, without: frozenset[str]) -> "CompiledObjects[Run]":
    def build() -> RunQuerySet:
        due = Run.objects.due().filter(losses__lt=POISON_LOSSES)
        if without:
            due = due.exclude(runtime__in=sorted(without))
        return due.select_for_update(skip_locked=True, of=("self",))[:limit]

    return CompiledObjects(build)


@lru_cache
def _claim_query(lease_seconds: int) -> CompiledUpdate:
    changes = {
        "status": Run.Status.RUNNING,
        "lease_expires_at": _lease_end(lease_seconds),
        "started_at": Now(),
    }
    return CompiledUpdate(
        lambda run_id, worker: (
            Run.objects.filter(pk=run_id, status=Run.Status.QUEUED),
            {**changes, "worker": worker},
        ),
        run_id=UUID,
        worker=str,
    )
