"""Pages of the admin over tables that only grow: what they show costs the same at any size."""

import re
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.forms import Media
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from ledger.admin.writes import Writes

# What has no index is looked for among these many of the newest rows.
SEARCHED_ROWS = 20_000
# Whatever lies deeper is found by a filter or a search: a page costs all that it skips.
LAST_PAGE = 100
# Of the query string: what does not choose rows.
_PRESENTATION = frozenset({"o", "p", "all", "e", "q"})


_FILLS_FIELDS = re.compile(r"/(xregexp|urlify|prepopulate)\b")


class LongPaginator(InfinitePaginator):
    """Pages without a COUNT, and not without end."""

    @cached_property
    def num_pages(self) -> int:
        return LAST_PAGE


class Admin(ModelAdmin):
    """A page with words of its own where a list is empty: `empty_text`.

    `writes` hears of what is written, beside Django's own log of it.
    """

    writes: ClassVar[Writes] = Writes()
    empty_text = ""
    adds_when_empty = False
    warn_unsaved_form = True

    @property
    def media(self) -> Media:
        """Leave out a sixth of what a form loads: no field here is filled from another."""
        media = super().media
        files = [file for file in media._js if not _FILLS_FIELDS.search(str(file))]
        return Media(css=media._css, js=files)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None and request.method == "POST":
            self.writes.begin(request, row)
        return row

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.writes.added(request, obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.writes.changed(request, obj)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        self.writes.deleting(request, queryset)
        return super().log_deletions(request, queryset)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Delete what is selected in one transaction with what is said of it."""
        if request.POST.get("action") != "delete_selected":
            return super().response_action(request, queryset, *args, **kwargs)
        with transaction.atomic():
            return super().response_action(request, queryset, *args, **kwargs)


class LongList(ChangeList):
    """A list that is sorted by one column at a time, of those that its admin lets through.

    Django lets the query string sort by any, and by several, whatever the headers offer.
    """

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        asked = self.params.pop(ORDER_VAR, "").split(".")
        if column := next(filter(self._is_sortable, asked), None):
            self.params[ORDER_VAR] = column
        return super().get_ordering(request, queryset)

    def _is_sortable(self, column: str) -> bool:
        number = column.removeprefix("-")
        if not (number.isascii() and number.isdigit()):
            return False
        names = dict(enumerate(self.list_display))
        return names.get(int(number[:3])) in (self.sortable_by or ())


class LongListAdmin(Admin):
    """A list without a COUNT, whose filters and searches never read the whole table.

    Whole ids and `indexed_filters` are found by an index. Any other filter, and a search
    for text, looks through the newest rows alone, newest first.
    """

    paginator: ClassVar[Any] = LongPaginator
    show_full_result_count = False
    list_per_page = 50
    # Without a COUNT nobody knows what all the pages are.
    list_disable_select_all = True
    sortable_by: ClassVar[Any] = ()
    id_fields: ClassVar[tuple[str, ...]] = ("pk",)
    # Names in the query string that an index serves, in this list's order.
    indexed_filters: ClassVar[frozenset[str]] = frozenset()
    # Those that leave so few rows that any other filter may look through them.
    narrow_filters: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, model: Any, admin_site: Any) -> None:
        super().__init__(model, admin_site)
        if help_text := self.search_help_text:
            self.search_help_text = (  # type: ignore[misc]
                f"{help_text}. Text is looked for in the newest {SEARCHED_ROWS:,} rows."
            )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return LongList

    def get_ordering(self, request: HttpRequest) -> Any:
        return ("-pk",) if self.looks_at_newest(request) else self.ordering or ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if wanted := parse_uuid(search_term):
            return self.filter_by_id(queryset, wanted), False
        if self.looks_at_newest(request):
            queryset = self.filter_newest(request, queryset)
        return super().get_search_results(request, queryset, search_term)

    def filter_by_id(self, queryset: QuerySet[Any], wanted: UUID) -> QuerySet[Any]:
        """Find the rows that `wanted` names, by one of `id_fields` at a time."""
        for name in self.id_fields:
            found = queryset.filter(**{name: wanted})
            if found.exists():
                return found
        return queryset.none()

    def looks_at_newest(self, request: HttpRequest) -> bool:
        """Tell whether what is asked for has no index."""
        chosen = self.chosen_filters(request)
        if chosen & self.narrow_filters:
            return False
        is_searched = bool(request.GET.get("q")) and not parse_uuid(request.GET["q"])
        return is_searched or bool(chosen - self.indexed_filters)

    def chosen_filters(self, request: HttpRequest) -> set[str]:
        """Return the names of the filters that are set to something."""
        return {name for name, value in request.GET.items() if value} - _PRESENTATION

    def rows_to_look_at(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of which the newest are looked through, without an index."""
        rows: QuerySet[Any] = self.model._default_manager.all()
        return rows

    def filter_newest(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> QuerySet[Any]:
        """Leave those of `queryset` that are among the newest rows."""
        floor = self.find_floor(request)
        return queryset if floor is None else queryset.filter(pk__gt=floor)

    def find_floor(self, request: HttpRequest) -> Any:
        """Return the key beyond which the newest rows are; None if that is all of them."""
        rows = self.rows_to_look_at(request).order_by("-pk")
        ids = rows.values_list("pk", flat=True)
        return next(iter(ids[SEARCHED_ROWS : SEARCHED_ROWS + 1]), None)


class IndexedValuesFilter(admin.SimpleListFilter):
    """The values of a column with an index, found by as many steps as there are values."""

    column: str
    table: str
    most = 100

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        name = connection.ops.quote_name(self.column)
        table = connection.ops.quote_name(self.table)
        with connection.cursor() as cursor:
            cursor.execute(
                "WITH RECURSIVE found(value) AS ("  # noqa: S608  all ours
                f"SELECT MIN({name}) FROM {table} UNION ALL"
                f" SELECT (SELECT MIN({name}) FROM {table} WHERE {name} > found.value)"
                " FROM found WHERE found.value IS NOT NULL)"
                f" SELECT value FROM found WHERE value IS NOT NULL LIMIT {self.most}"
            )
            return [(value, value) for (value,) in cursor.fetchall()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        return queryset.filter(Q(**{self.column: self.value()}))


def parse_uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None
