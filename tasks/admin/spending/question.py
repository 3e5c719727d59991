"""What the page Costs was asked: days, filters, series, table. From the address, all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from ledger.usage import DAY, TASK, Days, Usage

MAX_DAYS = 366
PERIODS = {
    "1": "Today",
    "7": "Last 7 days",
    "30": "Last 30 days",
    "90": "Last 90 days",
    "month": "This month",
    "last-month": "Last month",
}
DEFAULT_PERIOD = "30"
# What one filters and stacks by, with its word on the page.
DIMENSIONS = {
    "project": "Project",
    "runtime": "Runtime",
    "model": "Model",
    "profile": "Profile",
    "creator": "Person",
}
TABLES = {
    TASK: "Tasks",
    "model": "Models",
    "project": "Projects",
    "runtime": "Runtimes",
    "profile": "Profiles",
    "creator": "People",
    DAY: "Days",
}
# In the address, of a thing that has none: "" is what a form sends that filters nothing.
NONE = "(none)"


@dataclass(frozen=True)
class Question:
    """What the page is asked: days, filters, grouping."""

    period: str  # "" where the days are given themselves
    days: Days
    filters: Mapping[str, str]
    series: str
    table: str

    @classmethod
    def read(cls, query: Mapping[str, str], today: date) -> Question:
        """Read the address. What makes no sense is as if it were not there."""
        period = query.get("period", "")
        days = None if period in PERIODS else _read_days(query, today)
        if days is None:
            period = period if period in PERIODS else DEFAULT_PERIOD
            days = _make_days(period, today)
        else:
            period = ""
        filters = {
            name: query[name].replace("\x00", "")
            for name in DIMENSIONS
            if query.get(name)
        }
        series, table = query.get("by", ""), query.get("table", "")
        return cls(
            period=period,
            days=days,
            filters={
                name: "" if value == NONE else value for name, value in filters.items()
            },
            series=series if series in DIMENSIONS else "model",
            table=table if table in TABLES else TASK,
        )

    @property
    def usage(self) -> Usage:
        return Usage(self.days, self.filters)

    def address(self, **changes: str | None) -> str:
        """Return the query string of this with some of it changed; None: taken away."""
        days = {"from": f"{self.days.first}", "to": f"{self.days.last}"}
        parts: dict[str, str | None] = {
            **({"period": self.period} if self.period else days),
            **{name: value or NONE for name, value in self.filters.items()},
            "by": self.series,
            "table": self.table,
            **changes,
        }
        return "?" + urlencode({name: one for name, one in parts.items() if one})


def _read_days(query: Mapping[str, str], today: date) -> Days | None:
    try:
        first = date.fromisoformat(query.get("from", ""))
        last = date.fromisoformat(query.get("to", "") or today.isoformat())
    except ValueError:
        return None
    days = Days(first, last)
    return days if 0 < days.count <= MAX_DAYS else None


def _make_days(period: str, today: date) -> Days:
    if period == "month":
        return Days(today.replace(day=1), today)
    if period == "last-month":
        last = today.replace(day=1) - timedelta(1)
        return Days(last.replace(day=1), last)
    return Days.until(today, int(period))
