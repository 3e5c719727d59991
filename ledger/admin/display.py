"""How the ledger's pages write money."""

from __future__ import annotations

from ledger.pricing import dollars


def format_money(microdollars: int | None) -> str:
    if microdollars is None:
        return "unknown"
    sign = "-" if microdollars < 0 else ""
    return f"{sign}${dollars(abs(microdollars))}"
