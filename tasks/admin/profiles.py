"""Profiles: those that people make here, and beneath them those of files, to be copied."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from ledger.admin.long_lists import Admin
from tasks import catalog
from tasks.admin import display
from tasks.admin.profile_form import ProfileForm, show_setting
from tasks.catalog.agent_profile import BUILT_IN, STORED
from tasks.catalog.profile_copies import copy_settings
from tasks.models import StoredProfile

COPIED = "copy"  # in the query string of the form: the id of the profile to begin with


@admin.register(StoredProfile)
class ProfileAdmin(Admin):
    """Profiles of the database: made, copied, changed and removed while the server runs."""

    form = ProfileForm
    adds_when_empty = True
    empty_text = (
        "A profile says how an agent is to behave: its instructions, its model, what it may do"
        " without asking. Make one, or copy one of those below."
    )
    list_display = ("shown_name", "id", "description", "changed", "changed_by")
    list_after_template: Any = "tasks/profiles_after.html"
    search_fields = ("id", "settings")
    fieldsets = (
        (None, {"fields": ("id", "name", "description", "instructions")}),
        ("Model", {"fields": ("model", "models", "effort")}),
        (
            "What it may do",
            {"fields": ("runtimes", "tools", "allowed", "denied", "network")},
        ),
        ("Limits", {"fields": ("max_turns", "max_budget_usd")}),
        ("About it", {"fields": ("domain", "tags", "author")}),
    )

    @admin.display(description="Name")
    def shown_name(self, row: StoredProfile) -> str:
        return str(row)

    @admin.display(description="Description")
    def description(self, row: StoredProfile) -> str:
        return display.shorten(str(row.settings.get("description", "")), 90)

    @admin.display(description="Changed", ordering="updated_at")
    def changed(self, row: StoredProfile) -> str:
        return display.ago(row.updated_at)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("id",) if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with the profile that `?copy=ID` names."""
        copied = catalog.profile(request.GET.get(COPIED, "")[:100])
        if copied is None:
            return super().get_changeform_initial_data(request)
        settings = copy_settings(copied)
        settings["name"] = f"{copied.name} (copy)"
        return {name: show_setting(name, value) for name, value in settings.items()}

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        obj.changed_by = request.user.get_username()
        obj.save(force_insert=not change)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        context: dict[str, Any] = {
            "profiles_of_files": _list_those_of_files(),
            "profile_problems": catalog.profile_problems(),
            "may_add": self.has_add_permission(request),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})


def _list_those_of_files() -> list[dict[str, Any]]:
    add = reverse("admin:tasks_storedprofile_add")
    return [
        {
            "profile": profile,
            "kind": "built-in" if profile.source == BUILT_IN else "the site's own",
            "copy_url": f"{add}?{urlencode({COPIED: profile.id})}",
        }
        for profile in catalog.profiles().values()
        if profile.source != STORED
    ]
