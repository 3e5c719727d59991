"""The book, read-only; budgets, to be set in dollars; what is reserved now."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from ledger.admin.long_lists import IndexedValuesFilter, LongListAdmin
from ledger.models import (
    Budget,
    BudgetQuerySet,
    DailySpend,
    LedgerEntry,
    Period,
    Reservation,
)
from ledger.pricing import dollars

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Budget]
else:
    BaseForm = forms.ModelForm  # which takes no parameter when it runs


def _money(microdollars: int | None) -> str:
    if microdollars is None:
        return "unknown"
    sign = "-" if microdollars < 0 else ""
    return f"{sign}${dollars(abs(microdollars))}"


class ReadOnlyAdmin(LongListAdmin):
    actions: Any = None
    id_fields = ("task_id", "run_id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EntryFilter(IndexedValuesFilter):
    table = "ledger_ledgerentry"


class RuntimeFilter(EntryFilter):
    title = column = parameter_name = "runtime"


class ProviderFilter(EntryFilter):
    title = column = parameter_name = "provider"


class ModelFilter(EntryFilter):
    title = column = parameter_name = "model"


class CostFilter(admin.SimpleListFilter):
    title = "cost"
    parameter_name = "cost"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("known", "Known"), ("unknown", "Unknown")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(cost_microdollars__isnull=self.value() == "unknown")


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    empty_text = (
        "Every request to a model is booked here, with its tokens and its cost."
    )
    list_display = (
        "recorded_at",
        "task_id",
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
        (None, {"fields": ("recorded_at", "task_id", "run_id", "project_id", "key")}),
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
            f"spent_{period}": _money(DailySpend.objects.overall(period, now=now))
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
        return _money(entry.cost_microdollars)

    @admin.display(description="USD per million tokens")
    def prices(self, entry: LedgerEntry) -> str:
        price = entry.price
        if price is None:
            return "unknown"
        return (
            f"input {_money(int(price.input))}, cache read {_money(int(price.cache_read))},"
            f" cache write {_money(int(price.cache_write))}"
            f" ({_money(int(price.cache_write_1h))} for an hour),"
            f" output {_money(int(price.output))}"
        )

    @admin.display(description="")
    def note(self, entry: LedgerEntry) -> str:
        if entry.corrects_id:
            return "correction"
        return "estimated" if entry.is_estimated else ""


class BudgetForm(BaseForm):
    """A budget, with its limit in dollars."""

    limit_usd = forms.DecimalField(
        label="Limit (USD)",
        min_value=0,
        max_digits=15,
        decimal_places=6,
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal"}),
        help_text=(
            "When this much is spent or reserved, no task that it applies to starts, and"
            " those that run stop after their next request. 0 stops them all."
        ),
    )

    class Meta:
        model = Budget
        fields = ("period", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["limit_usd"] = dollars(
                self.instance.limit_microdollars
            ).replace(",", "")

    def clean_limit_usd(self) -> Decimal:
        usd: Decimal = self.cleaned_data["limit_usd"]
        self.instance.limit_microdollars = int(usd.scaleb(6))
        return usd


class BudgetAdmin(ModelAdmin):
    """Registered where runtimes and projects are known, so that they can be chosen."""

    limit_fields: tuple[str, ...] = ("period", "limit_usd", "is_active")
    form = BudgetForm
    list_display: Any = (
        "period",
        "is_active",
        "limit",
        "spent",
        "reserved",
        "left",
        "resets",
    )
    list_filter = ("scope", "period", "is_active")
    search_fields = ("scope_id",)
    search_help_text = "A runtime's or project's id"
    readonly_fields = ("spent", "reserved", "left", "resets")

    def get_queryset(self, request: HttpRequest) -> BudgetQuerySet:
        return Budget.objects.with_spent().with_reserved()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        limit = {"fields": self.limit_fields}
        use = {"fields": self.readonly_fields}
        return ((None, limit), ("Now", use)) if obj else ((None, limit),)

    @admin.display(description="Limit (USD)")
    def limit_usd(self, budget: Budget) -> str:
        """Show the limit to who may not edit it."""
        return _money(budget.limit_microdollars)

    @admin.display(description="Limit", ordering="limit_microdollars")
    def limit(self, budget: Budget) -> str:
        return _money(budget.limit_microdollars)

    @admin.display(description="Spent", ordering="spent_microdollars")
    def spent(self, budget: Budget) -> str:
        return _money(budget.spent_microdollars)

    @admin.display(description="Reserved", ordering="reserved_microdollars")
    def reserved(self, budget: Budget) -> str:
        return _money(budget.reserved_microdollars)

    @admin.display(description="Left")
    def left(self, budget: Budget) -> str:
        return _money(budget.left_microdollars)

    @admin.display(description="Resets at")
    def resets(self, budget: Budget) -> str:
        return f"{budget.resets_at().astimezone(UTC):%Y-%m-%d %H:%M} UTC"


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    empty_text = "While a task runs, what it may still spend is set aside here."
    list_display = (
        "task_id",
        "run_id",
        "runtime",
        "project_id",
        "amount",
        "reserved_at",
    )
    search_fields = ("runtime", "project_id")
    search_help_text = (
        "A task's or run's whole id, or a part of a runtime's or project's"
    )
    fields = list_display

    @admin.display(description="May still spend", ordering="amount_microdollars")
    def amount(self, reservation: Reservation) -> str:
        return _money(reservation.amount_microdollars)
