"""How money and times look on pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger.pricing import dollars

EMPTY = "-"


def format_money(microdollars: int | None) -> str:
    """Write an amount in full: $1,234.5678, unknown."""
    if microdollars is None:
        return "unknown"
    sign = "-" if microdollars < 0 else ""
    return f"{sign}${dollars(abs(microdollars))}"


def format_cents(microdollars: int | None) -> str:
    """Write an amount to the cent: $1,234.56, <$0.01."""
    if microdollars is None:
        return "unknown"
    if 0 < microdollars < 5_000:
        return "<$0.01"
    sign = "-" if microdollars < 0 else ""
    return f"{sign}${abs(microdollars) / 1_000_000:,.2f}"


def show_amount(microdollars: int | None, unpriced: int = 0) -> SafeString:
    """Show an amount to the cent, with all of it to be hovered over; "+": and more unknown."""
    more = unpriced and microdollars is not None
    exact = format_money(microdollars) + (
        f", and {unpriced:,} requests whose price is unknown" if more else ""
    )
    text = format_cents(microdollars) + ("+" if more else "")
    return format_html('<span class="st-money" title="{}">{}</span>', exact, text)


def show_moment(moment: datetime | None) -> SafeString | str:
    """Show a date and time, which the page's script puts into the reader's zone."""
    if moment is None:
        return EMPTY
    text = f"{moment:%Y-%m-%d %H:%M:%S}"
    return format_html(
        '<time datetime="{}" title="{} UTC" data-moment>{}</time>',
        moment.isoformat(),
        text,
        text,
    )


def make_moment_column(field: str, title: str = "") -> Callable[..., Any]:
    """Make a column, or a read-only field, that shows a time of the row."""

    @admin.display(description=title or field.replace("_", " ").capitalize())
    def show(model_admin: Any, row: Any) -> SafeString | str:
        return show_moment(getattr(row, field))

    return show
