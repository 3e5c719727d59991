"""Rows that are written once, by what keeps the sums and the reservations right."""

from typing import Any, NoReturn, TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


class EntryIsFinal(Exception):
    """An entry is written once, by `record()`; a mistake is offset by `correct()`."""

    def __init__(self) -> None:
        super().__init__(
            "A ledger entry is never changed or deleted: correct it by another."
        )


class AppendOnlyQuerySet(models.QuerySet[M, M]):
    """Refuses what would change rows, or write some past the day's spend and the reservations."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise EntryIsFinal

    def delete(self) -> NoReturn:
        raise EntryIsFinal

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise EntryIsFinal

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise EntryIsFinal
