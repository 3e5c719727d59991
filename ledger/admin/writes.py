"""What hears of each write that is made on a page, in its transaction: an app above may say what."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest


class Writes:
    """Hears of writes, and does nothing about them."""

    def begin(self, request: HttpRequest, row: Any) -> None:
        """Hear of a row that may be about to change."""

    def added(self, request: HttpRequest, row: Any) -> None:
        """Hear of a row that was made."""

    def changed(self, request: HttpRequest, row: Any) -> None:
        """Hear of a row that was changed."""

    def deleting(self, request: HttpRequest, rows: Iterable[Any]) -> None:
        """Hear of rows that go with the end of the transaction."""
