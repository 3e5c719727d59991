"""The page of what is reserved now, read-only."""

from __future__ import annotations

from django.contrib import admin

from ledger.admin.display import format_money
from ledger.admin.read_only import ReadOnlyAdmin
from ledger.models import (
    Reservation,
)


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    """Reservations of live runs, read-only."""

    id_fields = ("task_id", "run_id")
    empty_text = "While a task runs, what it may still spend is set aside here."
    list_display = (
        "task_id",
        "run_id",
        "runtime",
        "project_id",
        "amount",
        "reserved_at",
    )
    search_fields = ("runtime", "project_id")
    search_help_text = (
        "A task's or run's whole id, or a part of a runtime's or project's"
    )
    fields = list_display

    @admin.display(description="May still spend", ordering="amount_microdollars")
    def amount(self, reservation: Reservation) -> str:
        return format_money(reservation.amount_microdollars)
