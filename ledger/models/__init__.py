"""The book and its limits."""

from ledger.models.budget import (
    Budget,
    BudgetQuerySet,
    DailySpend,
    Period,
    Reservation,
    Scope,
)
from ledger.models.entry import EntryIsFinal, LedgerEntry
from ledger.models.totals import Totals

__all__ = [
    "Budget",
    "BudgetQuerySet",
    "DailySpend",
    "EntryIsFinal",
    "LedgerEntry",
    "Period",
    "Reservation",
    "Scope",
    "Totals",
]
