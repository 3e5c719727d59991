"""The standing rules: made and removed by people, never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

from ledger.admin.long_lists import LongListAdmin
from tasks.admin import display
from tasks.models import PermissionRule

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[PermissionRule]
else:
    BaseForm = forms.ModelForm  # which takes no parameter when it runs


Scope = PermissionRule.Scope


class RuleForm(BaseForm):
    """A new rule; the model checks it."""

    class Meta:
        model = PermissionRule
        fields = ("pattern", "effect", "project", "task", "expires_at")


class ValidityFilter(admin.SimpleListFilter):
    """Rules that hold, or have expired."""

    title = "validity"
    parameter_name = "valid"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Valid"), ("no", "Expired")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "yes":
                return queryset.valid()
            case "no":
                return queryset.exclude(pk__in=PermissionRule.objects.valid())
        return queryset


class ScopeFilter(admin.SimpleListFilter):
    """Rules by what they hold for."""

    title = "scope"
    parameter_name = "scope"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("task", "A task"),
            ("project", "A project"),
            ("everywhere", "All tasks"),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        scope = self.value()
        return queryset.of_scope(scope) if scope in Scope.values else queryset


# Each with what it stands for.
EXAMPLES = (
    ("read:/**", "every file in the workspace; nothing outside of it"),
    ("write:/reports/*", "the files in that folder; /** for those in its folders too"),
    ("run:git log *", "that command with any harmless options and arguments"),
    ("run:npm run build", "that command as it is, and no other"),
    (
        "fetch:https://example.com/docs/**",
        "pages of that site; https://*.example.com for its subdomains",
    ),
    ("mcp:github/*", "all tools of that server, or mcp:github/get_issue"),
)


@admin.register(PermissionRule)
class PermissionRuleAdmin(LongListAdmin):
    """Standing rules: added and deleted, never changed."""

    form = RuleForm
    empty_text = (
        "A rule answers an agent's question before it is asked: allow or deny what matches"
        " its pattern. Answering “Allow always” saves one."
    )
    adds_when_empty = True
    list_display = (
        "shown_pattern",
        "state",
        "scope",
        "created_by",
        "expires",
        "use_count",
        "last_used",
    )
    list_filter = ("effect", ScopeFilter, ValidityFilter, "project")
    list_select_related = ("project", "task")
    search_fields = ("pattern", "created_by")
    search_help_text = "A part of the pattern, who made it, or a task's whole id"
    id_fields = ("task_id",)
    autocomplete_fields = ("project", "task")
    fieldsets = (
        (
            None,
            {
                "fields": ("pattern", "effect", "expires_at"),
                "description": format_html(
                    "A denying rule beats all that allow, and also catches a command in a chain"
                    " or under a wrapper. An allowing one covers only what is certain.<br>{}",
                    format_html_join(mark_safe("<br>"), "<code>{}</code> {}", EXAMPLES),
                ),
            },
        ),
        (
            "Scope",
            {
                "fields": ("project", "task"),
                "description": "For one project, for one task, or, with neither, for all tasks.",
            },
        ),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # what was agreed to is not changed afterwards: delete it, add another

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        obj.created_by = request.user.get_username()
        obj.save(force_insert=True)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        use = {"fields": ("created_by", "created_at", "use_count", "last_used")}
        return (*self.fieldsets, ("Use", use)) if obj else self.fieldsets

    @admin.display(description="Pattern", ordering="pattern")
    def shown_pattern(self, rule: PermissionRule) -> str:
        return format_html("<code>{}</code>", display.reveal(rule.pattern))

    @admin.display(description="Effect", ordering="effect")
    def state(self, rule: PermissionRule) -> str:
        return display.state(rule.effect, rule.get_effect_display())

    @admin.display(description="Holds for")
    def scope(self, rule: PermissionRule) -> str:
        if rule.task:
            return format_html("the task {}", display.link(rule.task))
        if rule.project:
            return format_html("the project {}", display.link(rule.project))
        return "all tasks"

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, rule: PermissionRule) -> str:
        return display.ago(rule.expires_at) if rule.expires_at else "never"

    @admin.display(description="Last used", ordering="last_used_at")
    def last_used(self, rule: PermissionRule) -> str:
        return display.ago(rule.last_used_at)
