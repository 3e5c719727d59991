"""The audit: who wrote what, from where; to be read, filtered, searched and exported."""

from typing import Any, ClassVar

import orjson
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ledger.admin.display import make_moment_column
from ledger.admin.long_lists import IndexedValuesFilter
from ledger.admin.read_only import ReadOnlyAdmin
from tasks.admin import display
from tasks.api.csv import csv_response
from tasks.models import AuditEntry

EXPORTED = 20_000  # of the newest entries that match: `manage.py audit` has all
SHOWN = 3  # changes in a row of the list


class AuditFilter(IndexedValuesFilter):
    """Entries by a column of few values."""

    table = "tasks_auditentry"


class WhoFilter(AuditFilter):
    """Entries of one user."""

    title, parameter_name = "who", "user_name"
    column = "user_name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = super().lookups(request, model_admin)
        return [(value, shown) for value, shown in found if value]


class TypeFilter(AuditFilter):
    """Entries about one type of object."""

    title, parameter_name = "what kind", "object_type"
    column = "object_type"


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The audit, read-only."""

    empty_text = "Whatever somebody adds, changes, decides, starts or deletes is written down here."
    id_fields = ("object_id",)
    shown_created_at = make_moment_column("created_at", "When")
    list_display = (
        "shown_created_at",
        "who",
        "way",
        "action",
        "object_type",
        "what",
        "changes",
    )
    list_filter = (WhoFilter, TypeFilter, "way", "created_at")
    indexed_filters: ClassVar[frozenset[str]] = frozenset(
        {
            *("user_name", "object_type", "object_id"),
            *("created_at__gte", "created_at__lt"),
        }
    )
    narrow_filters: ClassVar[frozenset[str]] = frozenset({"object_id"})
    ordering = ("-created_at", "-id")
    search_fields = ("title", "action", "address", "token_name", "object_id")
    search_help_text = (
        "A part of the title, the action, the address or the token, or a whole id"
    )
    list_before_template: Any = "tasks/audit_before.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "shown_created_at",
                    "who",
                    "token",
                    "address",
                    "way",
                    "action",
                    "object_type",
                    "what",
                    "object_id",
                    "request_id",
                )
            },
        ),
        ("What changed", {"fields": ("compared",)}),
    )

    @admin.display(description="Who", ordering="user_name")
    def who(self, entry: AuditEntry) -> str:
        return display.reveal(entry.user_name) if entry.user_name else "no login"

    @admin.display(description="Token")
    def token(self, entry: AuditEntry) -> str:
        if not entry.token_name:
            return display.EMPTY
        return display.reveal(f"{entry.token_name} ({entry.token_prefix}…)")

    @admin.display(description="Of")
    def what(self, entry: AuditEntry) -> str:
        return display.shorten(entry.title or entry.object_id, 80)

    @admin.display(description="Changes")
    def changes(self, entry: AuditEntry) -> str:
        names = [*(entry.after or entry.before or {})]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        return display.reveal(", ".join(names[:SHOWN]) + more) or display.EMPTY

    @admin.display(description="")
    def compared(self, entry: AuditEntry) -> str:
        """Show each value as it was and as it became."""
        return table_of(entry)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        export = path("export/<str:form>/", view, name="tasks_auditentry_export")
        return [export, *super().get_urls()]

    def export_view(self, request: HttpRequest, form: str) -> HttpResponse:
        """Send what the list shows, with its filters and search, as CSV or JSON lines."""
        if not self.has_view_permission(request):
            return HttpResponse(status=403)
        entries = self._list_matching(request)
        if form == "csv":
            rows = [_row(entry) for entry in entries]
            header = [*AuditEntry().as_json()]
            return csv_response(rows, "audit.csv", header=header)
        lines = [orjson.dumps(entry.as_json()) + b"\n" for entry in entries]
        return HttpResponse(
            b"".join(lines),
            content_type="application/jsonl",
            headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
        )

    def _list_matching(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        found: QuerySet[AuditEntry] = self.get_changelist_instance(
            request
        ).get_queryset(request)
        return found[:EXPORTED]


def _row(entry: AuditEntry) -> dict[str, Any]:
    shown = entry.as_json()
    for name in ("before", "after"):
        if shown[name] is not None:
            shown[name] = orjson.dumps(shown[name]).decode()
    return shown


def table_of(entry: AuditEntry) -> SafeString:
    """Show what an entry says of each value, before and after."""
    before, after = entry.before or {}, entry.after or {}
    names = dict.fromkeys([*before, *after])
    return format_html(
        '<div class="st-scroll" tabindex="0" role="region" aria-label="What changed">'
        '<table class="st-table"><thead><tr><th>What</th><th>Before</th><th>After</th></tr>'
        "</thead><tbody>{}</tbody></table></div>",
        format_html_join(
            "",
            '<tr><td>{}</td><td class="st-name">{}</td><td class="st-name">{}</td></tr>',
            (
                (name, _shown(before.get(name)), _shown(after.get(name)))
                for name in names
            ),
        ),
    )


def _shown(value: Any) -> SafeString:
    if value is None:
        return display.reveal("")
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return display.reveal(text)


def audit(request: HttpRequest) -> HttpResponse:
    """Go on to the list, under the address that it has had before."""
    return HttpResponseRedirect(reverse("admin:tasks_auditentry_changelist"))
