"""What the admin's pages have in common."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from tasks import catalog


class Admin(ModelAdmin):
    """A page with words of its own where a list is empty: `empty_text`."""

    empty_text = ""
    adds_when_empty = False
    warn_unsaved_form = True


class LongListAdmin(Admin):
    """Pages of a table that may be huge: no COUNT, and whole ids are found by their index."""

    paginator: ClassVar[Any] = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50
    # Without a COUNT nobody knows what all the pages are.
    list_disable_select_all = True
    id_fields: tuple[str, ...] = ("pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        wanted = _uuid(search_term)
        if wanted is None:
            return super().get_search_results(request, queryset, search_term)
        ids = Q()
        for name in self.id_fields:
            ids |= Q(**{name: wanted})
        return queryset.filter(ids), False


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


class RecordAdmin(LongListAdmin):
    """What the server writes down: to be read, searched and filtered."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ChoiceFilter(admin.SimpleListFilter):
    """A filter on `parameter_name`, a column of its own, without looking for its values."""

    parameter_name: str

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        return queryset.filter(**{self.parameter_name: value})


class RuntimeFilter(ChoiceFilter):
    title = "runtime"
    parameter_name = "runtime"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(facts.name, facts.title) for facts in catalog.RUNTIMES.values()]


class ProfileFilter(ChoiceFilter):
    title = "profile"
    parameter_name = "profile"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(one.id, one.name) for one in catalog.profiles().values()]


def runtime_title(name: str, default: str = "Default") -> str:
    facts = catalog.runtime(name) if name else None
    return facts.title if facts else name or default


def profile_name(profile_id: str, default: str = "Automatic") -> str:
    profile = catalog.profile(profile_id) if profile_id else None
    return profile.name if profile else profile_id or default
