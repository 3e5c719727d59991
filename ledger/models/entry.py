"""LedgerEntry: what one request to a provider used and cost. Written once."""

from __future__ import annotations

from typing import Any, NoReturn
from uuid import UUID

from django.db import models, transaction
from django.db.models import Case, Q, Sum, Value, When
from django.utils import timezone

from ledger.models.append_only import AppendOnlyQuerySet, EntryIsFinal
from ledger.models.budget import Reservation
from ledger.models.daily_spend import DailySpend, Origin
from ledger.models.model_total import ModelTotal
from ledger.models.open_request import COUNTS, OpenRequest
from ledger.models.task_total import TaskTotal
from ledger.models.totals import Totals
from ledger.pricing import Price, Usage, find_price
from stagent.database.compiled import CompiledInsert

PRICES = (
    "input_price",
    "cache_read_price",
    "cache_write_price",
    "cache_write_1h_price",
    "output_price",
)


MAX_KEY = 255  # characters


class LedgerEntryQuerySet(AppendOnlyQuerySet["LedgerEntry"]):
    """Writes entries once, and sums them up."""

    def record(
        self,
        *,
        task_id: UUID,
        run_id: UUID,
        key: str,
        usage: Usage,
        runtime: str,
        project_id: str | None = None,
        profile: str = "",
        created_by: str = "",
        is_estimated: bool = False,
        open_key: str | None = None,
    ) -> LedgerEntry:
        """Write `usage` down once; the same key again returns the first entry.

        `open_key`: the key of the OpenRequest that there is, or was, of it.
        """
        price = find_price(usage)
        with transaction.atomic(savepoint=False):
            if open_key and not OpenRequest.objects.end(run_id=run_id, key=open_key):
                self._correct_beginning(run_id, open_key)
            return self._book(
                run_id=run_id,
                key=key,
                task_id=task_id,
                project_id=project_id or "",
                runtime=runtime,
                profile=profile,
                created_by=created_by,
                provider=usage.provider,
                model=usage.model,
                is_estimated=is_estimated,
                # None is unknown, 0 is free.
                cost_microdollars=price.cost(usage) if price else None,
                **{count: getattr(usage, count) for count in COUNTS},
                **(_columns(price) if price else {}),
            )

    def _correct_beginning(self, run_id: UUID, key: str) -> None:
        """Take back what was booked of a request that is answered after all."""
        booked = self.filter(run_id=run_id, key=make_begun_key(key)).first()
        if booked:
            self.correct(booked, reason="It was answered after all: see the whole.")

    def correct(self, entry: LedgerEntry, *, reason: str) -> LedgerEntry:
        """Offset `entry` by a new one, once; again returns the first correction."""
        if entry.corrects_id is not None:
            raise EntryIsFinal
        cost = entry.cost_microdollars
        copied = (
            "task_id",
            "project_id",
            "runtime",
            "profile",
            "created_by",
            "provider",
            "model",
            "is_estimated",
            "price_source",
        )
        return self._book(
            run_id=entry.run_id,
            key=f"correction:{entry.pk}",
            corrects=entry,
            reason=reason,
            cost_microdollars=None if cost is None else -cost,
            **{count: -getattr(entry, count) for count in COUNTS},
            **{name: getattr(entry, name) for name in (*copied, *PRICES)},
        )

    def _book(self, *, run_id: UUID, key: str, **columns: Any) -> LedgerEntry:
        entry = LedgerEntry(run_id=run_id, key=key, **columns)
        with transaction.atomic(savepoint=False):
            if not _insert.unless_there(entry):
                return self.get(run_id=run_id, key=key)
            DailySpend.objects.add(
                entry.sums, at=entry.recorded_at, origin=entry.origin
            )
            ModelTotal.objects.add(
                entry.sums, provider=entry.provider, model=entry.model
            )
            TaskTotal.objects.add(entry.task_id, entry.cost_microdollars or 0)
            if entry.cost_microdollars:
                Reservation.objects.shrink(entry.task_id, by=entry.cost_microdollars)
        return entry

    def for_task(self, task_id: UUID) -> LedgerEntryQuerySet:
        return self.filter(task_id=task_id)

    def totals(self) -> Totals:
        sign = Case(When(corrects=None, then=Value(1)), default=Value(-1))
        sums = self.aggregate(
            **{f"sum_of_{count}": Sum(count, default=0) for count in COUNTS},
            requests=Sum(sign, default=0),
            unpriced_requests=Sum(sign, filter=Q(cost_microdollars=None), default=0),
            # The last: those after it would take the sum for the column.
            cost_microdollars=Sum("cost_microdollars"),
        )
        if not sums["unpriced_requests"]:
            sums["cost_microdollars"] = sums["cost_microdollars"] or 0
        counts = {count: sums.pop(f"sum_of_{count}") for count in COUNTS}
        requests = self.filter(corrects=None).order_by("-pk")
        return Totals(
            input_tokens=sum(counts.values()) - counts["output_tokens"],
            uncached_input_tokens=counts.pop("input_tokens"),
            last_model=requests.values_list("model", flat=True).first() or "",
            **counts,
            **sums,
        )


def make_begun_key(key: str) -> str:
    """Return the key of what was booked of a request before its answer was whole."""
    return f"begun:{key}"[:MAX_KEY]


def _columns(price: Price) -> dict[str, Any]:
    kinds = {column: getattr(price, column.removesuffix("_price")) for column in PRICES}
    return {**kinds, "price_source": price.source}


def _price_field() -> models.DecimalField[Any, Any]:
    # 15 digits are what SQLite keeps exactly.
    return models.DecimalField(
        max_digits=15,
        decimal_places=4,
        null=True,
        help_text="Microdollars per million tokens.",
    )


class LedgerEntry(models.Model):
    """Usage and cost of one provider request, with the price that was used.

    It names its task and run by id, for it outlives them.
    """

    task_id = models.UUIDField()
    run_id = models.UUIDField()
    project_id = models.CharField(max_length=255, blank=True)
    runtime = models.CharField(max_length=255)
    profile = models.CharField(max_length=255, blank=True)
    created_by = models.CharField(
        max_length=255, blank=True, help_text="Who created the task."
    )
    provider = models.CharField(max_length=255)
    model = models.CharField(max_length=255)
    key = models.CharField(
        max_length=MAX_KEY, help_text="The request's id, unique in its run."
    )
    input_tokens = models.BigIntegerField(help_text="Without what was cached.")
    cache_read_tokens = models.BigIntegerField()
    cache_write_tokens = models.BigIntegerField()
    cache_write_1h_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    is_estimated = models.BooleanField(
        default=False,
        db_default=False,
        help_text="The provider did not come to tell: its input is estimated, its output"
        " unknown.",
    )
    cost_microdollars = models.BigIntegerField(
        null=True, help_text="Empty: unknown. 0: free."
    )
    input_price = _price_field()
    cache_read_price = _price_field()
    cache_write_price = _price_field()
    cache_write_1h_price = _price_field()
    output_price = _price_field()
    price_source = models.CharField(max_length=255, blank=True)
    corrects = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="+", db_index=False
    )
    reason = models.TextField(blank=True, help_text="Why it was corrected.")
    recorded_at = models.DateTimeField(default=timezone.now)

    objects = LedgerEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "ledger entries"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["run_id", "key"], name="ledger_entry_once"),
            # Of corrections alone: SQLite would look up "corrects nothing", which nearly all
            # entries do, in an index of all, and read the whole ledger for one task.
            models.UniqueConstraint(
                fields=["corrects"],
                condition=Q(corrects__isnull=False),
                name="ledger_entry_corrected_once",
            ),
        ]
        indexes = [
            # With the id, so that a task's last entry is found without a walk over others'.
            models.Index(fields=["task_id", "id"], name="ledger_entry_task"),
            models.Index(fields=["recorded_at"], name="ledger_entry_recorded_at"),
            models.Index(fields=["runtime"], name="ledger_entry_runtime"),
            models.Index(fields=["provider"], name="ledger_entry_provider"),
            models.Index(fields=["model"], name="ledger_entry_model"),
            models.Index(
                fields=["id"],
                condition=Q(cost_microdollars=None),
                name="ledger_entry_unknown_cost",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model}, {self.recorded_at:%Y-%m-%d %H:%M:%S}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise EntryIsFinal
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise EntryIsFinal

    @property
    def usage(self) -> Usage:
        counts = {count: getattr(self, count) for count in COUNTS}
        return Usage(self.provider, self.model, **counts)

    @property
    def prompt_tokens(self) -> int:
        return self.usage.prompt_tokens

    @property
    def origin(self) -> Origin:
        return Origin(
            task_id=self.task_id,
            runtime=self.runtime,
            model=self.model,
            project_id=self.project_id,
            profile=self.profile,
            created_by=self.created_by,
        )

    @property
    def sums(self) -> dict[str, int]:
        """What this entry adds to its day: a correction takes a request back."""
        requests = -1 if self.corrects_id else 1
        return {
            **{count: getattr(self, count) for count in COUNTS},
            "spent_microdollars": self.cost_microdollars or 0,
            "requests": requests,
            "unpriced_requests": requests if self.cost_microdollars is None else 0,
        }

    @property
    def price(self) -> Price | None:
        """The price that was used; None: it is unknown."""
        if self.cost_microdollars is None:
            return None
        kinds = {
            column.removesuffix("_price"): getattr(self, column) for column in PRICES
        }
        return Price(**kinds, source=self.price_source)


_insert = CompiledInsert(LedgerEntry)
