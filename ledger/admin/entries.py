"""The page of ledger entries, read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ledger.admin.display import format_money, make_moment_column, show_amount
from ledger.admin.long_lists import IndexedValuesFilter
from ledger.admin.names import NamedTasks
from ledger.models import DailySpend, LedgerEntry, Period


class EntryFilter(IndexedValuesFilter):
    """Entries by a column of few values."""

    table = "ledger_ledgerentry"


class RuntimeFilter(EntryFilter):
    """Entries by runtime."""

    title = column = parameter_name = "runtime"


class ProviderFilter(EntryFilter):
    """Entries by provider."""

    title = column = parameter_name = "provider"


class ModelFilter(EntryFilter):
    """Entries by model."""

    title = column = parameter_name = "model"


class CostFilter(admin.SimpleListFilter):
    """Entries whose cost is known, or is not."""

    title = "cost"
    parameter_name = "cost"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("known", "Known"), ("unknown", "Unknown")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(cost_microdollars__isnull=self.value() == "unknown")


class LedgerEntryAdmin(NamedTasks):
    """Ledger entries, read-only. Registered where the names of tasks are known."""

    id_fields = ("task_id", "run_id")
    empty_text = (
        "Every request to a model is booked here, with its tokens and its cost."
    )
    recorded = make_moment_column("recorded_at", "Recorded")
    list_display: Any = (
        "recorded",
        "task",
        "project",
        "runtime",
        "provider",
        "model",
        "prompt",
        "output",
        "cost",
        "note",
    )
    list_filter = (
        "recorded_at",
        CostFilter,
        RuntimeFilter,
        ProviderFilter,
        ModelFilter,
    )
    indexed_filters = frozenset(
        {
            "cost",
            "runtime",
            "provider",
            "model",
            "recorded_at__gte",
            "recorded_at__lt",
        }
    )
    search_fields = ("model",)
    search_help_text = "A task's or run's whole id, or a part of a model's name"
    list_before_template: Any = "ledger/spent.html"
    fieldsets = (
        (None, {"fields": ("recorded", "task", "run_id", "project", "key")}),
        (
            "Used",
            {
                "fields": (
                    *("runtime", "provider", "model", "prompt", "tokens", "output"),
                    "is_estimated",
                )
            },
        ),
        ("Cost", {"fields": ("cost", "prices", "price_source")}),
        ("Correction", {"fields": ("corrects", "reason")}),
    )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        now = timezone.now()
        spent = {
            f"spent_{period}": show_amount(DailySpend.objects.overall(period, now=now))
            for period in Period
        }
        return super().changelist_view(request, {**spent, **(extra_context or {})})

    @admin.display(description="Prompt tokens")
    def prompt(self, entry: LedgerEntry) -> str:
        return f"{entry.prompt_tokens:,}"

    @admin.display(description="Of these")
    def tokens(self, entry: LedgerEntry) -> str:
        return (
            f"{entry.input_tokens:,} new, {entry.cache_read_tokens:,} read from the cache,"
            f" {entry.cache_write_tokens:,} written to it for 5 minutes,"
            f" {entry.cache_write_1h_tokens:,} for an hour"
        )

    @admin.display(description="Output tokens", ordering="output_tokens")
    def output(self, entry: LedgerEntry) -> str:
        return f"{entry.output_tokens:,}"

    @admin.display(description="Cost", ordering="cost_microdollars")
    def cost(self, entry: LedgerEntry) -> str:
        return show_amount(entry.cost_microdollars)

    @admin.display(description="USD per million tokens")
    def prices(self, entry: LedgerEntry) -> str:
        price = entry.price
        if price is None:
            return "unknown"
        return (
            f"input {format_money(int(price.input))}, cache read {format_money(int(price.cache_read))},"
            f" cache write {format_money(int(price.cache_write))}"
            f" ({format_money(int(price.cache_write_1h))} for an hour),"
            f" output {format_money(int(price.output))}"
        )

    @admin.display(description="")
    def note(self, entry: LedgerEntry) -> str:
        if entry.corrects_id:
            return "correction"
        return "estimated" if entry.is_estimated else ""
