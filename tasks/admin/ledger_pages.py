"""The ledger's pages, with the titles of tasks and the names of projects."""

from collections.abc import Collection
from typing import Any

from django.contrib import admin
from django.utils.html import format_html

from ledger import admin as ledger_admin
from ledger.models import LedgerEntry, Reservation
from ledger.usage import TASK
from tasks.admin import display
from tasks.admin.spending.names import find_names, find_page


def _link_tasks(ids: Collection[Any]) -> dict[Any, str]:
    return {
        task_id: format_html(
            '<span title="{}">{}</span>',
            task_id,
            display.link_to(find_page(TASK, task_id, title), title),
        )
        for task_id, title in find_names(TASK, ids).items()
    }


def _name_projects(ids: Collection[Any]) -> dict[Any, str]:
    names = find_names("project", {one for one in ids if one})
    return {one: display.reveal(names.get(one, display.EMPTY)) for one in ids}


_LOOK_UPS = ledger_admin.LookUps(_link_tasks, _name_projects)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ledger_admin.LedgerEntryAdmin):
    """Ledger entries, read-only."""

    look_ups = _LOOK_UPS


@admin.register(Reservation)
class ReservationAdmin(ledger_admin.ReservationAdmin):
    """Reservations of live runs, read-only."""

    look_ups = _LOOK_UPS
