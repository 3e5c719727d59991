"""Budgets, to be set in dollars, with what of each is spent and reserved."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from ledger.admin.display import show_amount, show_moment
from ledger.admin.long_lists import Admin
from ledger.models import (
    Budget,
    BudgetQuerySet,
)
from ledger.pricing import dollars

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Budget]
else:
    BaseForm = forms.ModelForm  # which takes no parameter when it runs


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
        fields = ("period", "is_active", "warn_percent", "on_exceed")
        widgets = {
            "warn_percent": UnfoldAdminIntegerFieldWidget,
            "on_exceed": UnfoldAdminSelectWidget,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "on_exceed" in self.fields:
            self.fields["on_exceed"].required = False  # left out, it stays as it is
        if self.instance.pk:
            self.initial["limit_usd"] = dollars(
                self.instance.limit_microdollars
            ).replace(",", "")

    def clean_limit_usd(self) -> Decimal:
        usd: Decimal = self.cleaned_data["limit_usd"]
        self.instance.limit_microdollars = int(usd.scaleb(6))
        return usd

    def clean_on_exceed(self) -> str:
        return self.cleaned_data["on_exceed"] or self.instance.on_exceed

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if {"limit_usd", "warn_percent", "is_active"} & set(self.changed_data):
            # Notes are due anew, as `BudgetQuerySet.change()` has it.
            self.instance.warned_on = self.instance.exceeded_on = None
        return data


class BudgetAdmin(Admin):
    """Registered where runtimes and projects are known, so that they can be chosen."""

    limit_fields: tuple[str, ...] = (
        "period",
        "limit_usd",
        "warn_percent",
        "on_exceed",
        "is_active",
    )
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
        return show_amount(budget.limit_microdollars)

    @admin.display(description="Limit", ordering="limit_microdollars")
    def limit(self, budget: Budget) -> str:
        return show_amount(budget.limit_microdollars)

    @admin.display(description="Spent", ordering="spent_microdollars")
    def spent(self, budget: Budget) -> str:
        return show_amount(budget.spent_microdollars)

    @admin.display(description="Reserved", ordering="reserved_microdollars")
    def reserved(self, budget: Budget) -> str:
        return show_amount(budget.reserved_microdollars)

    @admin.display(description="Left")
    def left(self, budget: Budget) -> str:
        return show_amount(budget.left_microdollars)

    @admin.display(description="Resets at")
    def resets(self, budget: Budget) -> str:
        return show_moment(budget.resets_at())
