"""ModelTotal: what all requests to a model used and cost, so that nothing sums up the ledger."""

from collections.abc import Mapping
from typing import Any

from django.db import connection, models

from ledger.models.daily_spend import SUMS

_ADD = (
    f"INSERT INTO ledger_modeltotal (provider, model, {', '.join(SUMS)})"  # noqa: S608
    f" VALUES ({', '.join(['%s'] * (len(SUMS) + 2))})"
    " ON CONFLICT (provider, model) DO UPDATE SET "
    + ", ".join(f"{name} = ledger_modeltotal.{name} + excluded.{name}" for name in SUMS)
)


class ModelTotalQuerySet(models.QuerySet["ModelTotal"]):
    """Adds to the totals of a model."""

    def add(self, sums: Mapping[str, int], *, provider: str, model: str) -> None:
        """Add `sums`, by the names in `SUMS`. After the day's, whose first row all take first."""
        values: list[Any] = [provider, model, *(sums.get(name, 0) for name in SUMS)]
        with connection.cursor() as cursor:
            cursor.execute(_ADD, values)


class ModelTotal(models.Model):
    """What one model of one provider was used and cost, since ever."""

    provider = models.CharField(max_length=255)
    model = models.CharField(max_length=255)
    spent_microdollars = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    cache_read_tokens = models.BigIntegerField(default=0)
    cache_write_tokens = models.BigIntegerField(default=0)
    cache_write_1h_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    requests = models.BigIntegerField(default=0)
    unpriced_requests = models.BigIntegerField(default=0)

    objects = ModelTotalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "model"], name="ledger_modeltotal_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.model}"
