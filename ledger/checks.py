"""`manage.py check` says what is wrong with the price lists, before anything is booked."""

from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from ledger.pricing import load_listed_prices


def check_price_lists(**kwargs: Any) -> list[CheckMessage]:
    try:
        load_listed_prices()
    except ImproperlyConfigured as error:
        return [
            Error(
                str(error), hint="ledger/prices.toml shows the form.", id="ledger.E001"
            )
        ]
    return []
