"""The ledger's pages, registered where tasks, runtimes and projects are known."""

from ledger.admin.budgets import BudgetAdmin, BudgetForm
from ledger.admin.entries import LedgerEntryAdmin
from ledger.admin.names import LookUps
from ledger.admin.reservations import ReservationAdmin

__all__ = [
    "BudgetAdmin",
    "BudgetForm",
    "LedgerEntryAdmin",
    "LookUps",
    "ReservationAdmin",
]
