from django.apps import AppConfig
from django.core.checks import register

from ledger.checks import check_price_lists


class LedgerConfig(AppConfig):
    """The book: what was used and what it cost."""

    name = "ledger"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        register(check_price_lists)
