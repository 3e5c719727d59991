"""What tasks have cost, from the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Case, F, Min, Q, Sum, Value, When

from ledger.models import LedgerEntry
from tasks.admin.display import EMPTY, amount

# A correction takes back the request that it corrects.
_SIGN = Case(When(corrects=None, then=Value(1)), default=Value(-1))
_SUMS: dict[str, Any] = {
    "requests": Sum(_SIGN),
    "unpriced": Sum(_SIGN, filter=Q(cost_microdollars=None), default=0),
    "microdollars": Sum("cost_microdollars"),
}


@dataclass(frozen=True)
class Cost:
    """What something cost, in microdollars, and whether part of it is unknown."""

    requests: int = 0
    unpriced: int = 0  # of these, those whose price is unknown
    microdollars: int | None = None  # of the others

    def __add__(self, other: "Cost") -> "Cost":
        known = [
            one.microdollars for one in (self, other) if one.microdollars is not None
        ]
        return Cost(
            self.requests + other.requests,
            self.unpriced + other.unpriced,
            sum(known) if known else None,
        )

    def __str__(self) -> str:
        return amount(self.microdollars, self.unpriced) if self.requests else EMPTY


@dataclass(frozen=True)
class Line:
    """What one run used of one model."""

    run_id: UUID
    provider: str
    model: str
    prompt_tokens: int
    output_tokens: int
    cost: Cost

    @property
    def prompt(self) -> str:
        return f"{self.prompt_tokens:,}"

    @property
    def output(self) -> str:
        return f"{self.output_tokens:,}"


def sum_of_tasks(task_ids: Iterable[UUID]) -> dict[UUID, Cost]:
    """Return what each task has cost; one that used nothing is left out."""
    entries = LedgerEntry.objects.filter(task_id__in=list(task_ids)).order_by()
    rows: Any = entries.values("task_id").annotate(**_SUMS)
    return {row["task_id"]: _cost(row) for row in rows}


def sum_of_task(task_id: UUID) -> Cost:
    return sum_of_tasks([task_id]).get(task_id, Cost())


def lines(task_id: UUID) -> list[Line]:
    """Return what a task's runs used, by run and model, in the order of first use."""
    prompt = (
        F("input_tokens")
        + F("cache_read_tokens")
        + F("cache_write_tokens")
        + F("cache_write_1h_tokens")
    )
    rows: Any = (
        LedgerEntry.objects.for_task(task_id)
        .values("run_id", "provider", "model")
        .annotate(
            first=Min("id"), prompt=Sum(prompt), output=Sum("output_tokens"), **_SUMS
        )
        .order_by("first")
    )
    return [_line(row) for row in rows]


def _line(row: dict[str, Any]) -> Line:
    return Line(
        run_id=row["run_id"],
        provider=row["provider"],
        model=row["model"],
        prompt_tokens=row["prompt"],
        output_tokens=row["output"],
        cost=_cost(row),
    )


def _cost(row: dict[str, Any]) -> Cost:
    return Cost(**{name: row[name] for name in _SUMS})
