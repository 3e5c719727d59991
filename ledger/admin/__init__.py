"""The ledger's pages; a budget's is registered where runtimes and projects are known."""

from ledger.admin.budgets import BudgetAdmin, BudgetForm
from ledger.admin.entries import LedgerEntryAdmin
from ledger.admin.reservations import ReservationAdmin

__all__ = ["BudgetAdmin", "BudgetForm", "LedgerEntryAdmin", "ReservationAdmin"]
