"""The page of what is reserved now, read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from ledger.admin.display import make_moment_column, show_amount
from ledger.admin.names import NamedTasks
from ledger.models import Reservation


class ReservationAdmin(NamedTasks):
    """Reservations of live runs, read-only. Registered where the names of tasks are known."""

    id_fields = ("task_id", "run_id")
    empty_text = "While a task runs, what it may still spend is set aside here."
    reserved = make_moment_column("reserved_at", "Reserved")
    list_display: Any = ("task", "runtime", "project", "amount", "reserved")
    search_fields = ("runtime", "project_id")
    search_help_text = (
        "A task's or run's whole id, or a part of a runtime's or project's"
    )
    fields = ("task", "run_id", "runtime", "project", "amount", "reserved")

    @admin.display(description="May still spend", ordering="amount_microdollars")
    def amount(self, reservation: Reservation) -> str:
        return show_amount(reservation.amount_microdollars)
