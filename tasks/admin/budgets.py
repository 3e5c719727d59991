"""Budgets, with runtimes and projects to choose from by name."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminSelectWidget

from ledger import admin as ledger_admin
from ledger.models import Budget, Scope
from tasks import catalog
from tasks.admin import display
from tasks.models import Project

Choice = tuple[str, Any]


def _key(scope: str, scope_id: str = "") -> str:
    return f"{scope}:{scope_id}"


def _choices(budget: Budget) -> list[Choice]:
    runtimes = [
        (_key(Scope.RUNTIME, r.name), r.title) for r in catalog.RUNTIMES.values()
    ]
    projects = [
        (_key(Scope.PROJECT, pk), name)
        for pk, name in Project.objects.values_list("pk", "name")
    ]
    choices: list[Choice] = [
        (_key(Scope.OVERALL), "Everything"),
        ("Runtimes", runtimes),
    ]
    if projects:
        choices.append(("Projects", projects))
    own = _key(budget.scope, budget.scope_id)
    if budget.scope_id and own not in dict(runtimes + projects):
        choices.append((own, f"{budget.scope_id} (gone)"))
    return choices


class BudgetForm(ledger_admin.BudgetForm):
    """A budget, for everything, a runtime or a project."""

    applies_to = forms.ChoiceField(
        label="For", widget=UnfoldAdminSelectWidget, help_text="What the limit is for."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose = self.fields["applies_to"]
        choose.choices = _choices(self.instance)  # type: ignore[attr-defined]
        choose.initial = _key(self.instance.scope, self.instance.scope_id)

    def clean_applies_to(self) -> str:
        chosen: str = self.cleaned_data["applies_to"]
        self.instance.scope, _, self.instance.scope_id = chosen.partition(":")
        return chosen

    def _get_validation_exclusions(self) -> set[str]:
        # They are not fields of the form, yet set by it.
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded - {"scope", "scope_id"}


class BudgetList(ChangeList):
    """Looks up the names of the projects of one page, all at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        ids = [budget.scope_id for budget in self.result_list]
        names = dict(Project.objects.filter(pk__in=ids).values_list("pk", "name"))
        for budget in self.result_list:
            budget.project_name = names.get(budget.scope_id)


@admin.register(Budget)
class BudgetAdmin(ledger_admin.BudgetAdmin):
    """Budgets, with what they apply to by name."""

    form = BudgetForm
    list_display = ("applies_to", *ledger_admin.BudgetAdmin.list_display)
    limit_fields = ("applies_to", *ledger_admin.BudgetAdmin.limit_fields)
    empty_text = "A budget is a limit on what tasks may cost in a day or a month."
    adds_when_empty = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return BudgetList

    @admin.display(description="For", ordering="scope")
    def applies_to(self, budget: Any) -> str:
        if budget.scope == Scope.OVERALL:
            return "Everything"
        runtime = catalog.runtime(budget.scope_id)
        if budget.scope == Scope.RUNTIME and runtime:
            return runtime.title
        name = getattr(budget, "project_name", None)
        return display.reveal(name or budget.scope_id)
