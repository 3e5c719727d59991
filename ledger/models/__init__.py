"""The book and its limits."""

from ledger.models.append_only import EntryIsFinal
from ledger.models.budget import Budget, BudgetQuerySet, OnExceed, Reservation
from ledger.models.daily_spend import (
    DailySpend,
    DailyTaskSpend,
    Dimension,
    Origin,
    Period,
    Scope,
)
from ledger.models.entry import LedgerEntry
from ledger.models.model_total import ModelTotal
from ledger.models.open_request import OpenRequest
from ledger.models.task_total import TaskTotal
from ledger.models.totals import Totals

__all__ = [
    "Budget",
    "BudgetQuerySet",
    "DailySpend",
    "DailyTaskSpend",
    "Dimension",
    "EntryIsFinal",
    "LedgerEntry",
    "ModelTotal",
    "OnExceed",
    "OpenRequest",
    "Origin",
    "Period",
    "Reservation",
    "Scope",
    "TaskTotal",
    "Totals",
]
