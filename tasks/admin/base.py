"""What the admin's pages have in common."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from tasks import catalog
from tasks.models import Project


class ChoiceFilter(admin.SimpleListFilter):
    """A filter on `parameter_name`, a column of its own, without looking for its values."""

    parameter_name: str

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        return queryset.filter(**{self.parameter_name: value})


class TypedFilter(ChoiceFilter):
    """A filter by what is typed, whose field a page's own template shows."""

    def has_output(self) -> bool:
        return True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return []


class RuntimeFilter(ChoiceFilter):
    """A filter by the runtimes of the API."""

    title = "runtime"
    parameter_name = "runtime"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(facts.name, facts.title) for facts in catalog.RUNTIMES.values()]


class ProjectFilter(ChoiceFilter):
    """The newest projects; a project's own page leads to the tasks of any."""

    title = "project"
    parameter_name = "project__id__exact"
    most = 30

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = Project.objects.order_by("-created_at", "pk")
        return list(newest.values_list("pk", "name")[: self.most])


class ProfileFilter(ChoiceFilter):
    """A filter by profiles, built-in and a site's own."""

    title = "profile"
    parameter_name = "profile"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(one.id, one.name) for one in catalog.profiles().values()]


def is_embedded(facts: catalog.RuntimeFacts | None) -> bool:
    """Tell whether a runtime has no key, and the tiny local model in its place."""
    return bool(facts and facts.can_use_embedded_model and not facts.has_credential())


def title_to_offer(facts: catalog.RuntimeFacts) -> str:
    """Name a runtime with what one would get of it now."""
    return f"{facts.title} (embedded model)" if is_embedded(facts) else facts.title


def runtime_title(name: str, default: str = "Default") -> str:
    facts = catalog.runtime(name) if name else None
    return facts.title if facts else name or default


def profile_name(profile_id: str, default: str = "Automatic") -> str:
    return catalog.profile_name(profile_id) or default
