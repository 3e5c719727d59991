"""Pages of what the server writes down: to be read, searched and filtered."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from ledger.admin.long_lists import LongListAdmin


class ReadOnlyAdmin(LongListAdmin):
    """What the server writes down: to be read, searched and filtered."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
