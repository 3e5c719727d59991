"""OpenRequest: what a request has used that its provider is still answering."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils import timezone

from stagent.database.compiled import (
    CompiledDelete,
    CompiledInsert,
    CompiledUpdate,
)

COUNTS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
)


class OpenRequestQuerySet(models.QuerySet["OpenRequest"]):
    """Keeps what requests have used so far that are not answered whole."""

    def begin(self, request: OpenRequest) -> None:
        """Write a request down, unless it is there already."""
        _insert.unless_there(request)

    def recount(self, request: OpenRequest) -> None:
        """Take what the provider has told since; nothing if it is booked meanwhile."""
        counts = {count: getattr(request, count) for count in COUNTS}
        _recount(
            run_id=request.run_id,
            key=request.key,
            model=request.model,
            **counts,
        )

    def end(self, *, run_id: UUID, key: str) -> bool:
        """Cross a request out, in the transaction that books it; False: it is not there."""
        return bool(_end(run_id=run_id, key=key))


class OpenRequest(models.Model):
    """A request that was sent, and what it uses: estimated, until its provider tells.

    It becomes a ledger entry when it is answered, or when its worker turns out to be gone: so
    a crash costs the book no more than the output.
    """

    run_id = models.UUIDField()
    key = models.CharField(max_length=255)
    task_id = models.UUIDField()
    project_id = models.CharField(max_length=255, blank=True)
    runtime = models.CharField(max_length=255)
    profile = models.CharField(max_length=255, blank=True)
    created_by = models.CharField(max_length=255, blank=True)
    provider = models.CharField(max_length=255)
    model = models.CharField(max_length=255)
    input_tokens = models.BigIntegerField()
    cache_read_tokens = models.BigIntegerField()
    cache_write_tokens = models.BigIntegerField()
    cache_write_1h_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    is_estimated = models.BooleanField(db_default=False, default=False)
    began_at = models.DateTimeField(default=timezone.now)

    objects = OpenRequestQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run_id", "key"], name="ledger_open_request_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.model}, since {self.began_at:%Y-%m-%d %H:%M:%S}"


_insert = CompiledInsert(OpenRequest)
_recount = CompiledUpdate(
    lambda run_id, key, **changes: (
        OpenRequest.objects.filter(run_id=run_id, key=key),
        {**changes, "is_estimated": False},
    ),
    run_id=UUID,
    key=str,
    model=str,
    **dict.fromkeys(COUNTS, int),
)
_end = CompiledDelete(
    lambda run_id, key: OpenRequest.objects.filter(run_id=run_id, key=key),
    run_id=UUID,
    key=str,
)
