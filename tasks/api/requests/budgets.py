"""What a request about budgets may say, in the API's own words."""

from typing import Any

from ledger.models import Period, Scope
from tasks.api import zod


def _limit(**kwargs: Any) -> zod.Number:
    return zod.Number(
        min_value=0, max_value=1_000_000, help_text="US dollars.", **kwargs
    )


class CreateBudget(zod.Serializer):
    scope = zod.Enum(Scope.values)
    scopeId = zod.String(
        required=False,
        allow_null=True,
        max_length=255,
        help_text="The runtime's or project's id.",
    )
    period = zod.Enum(Period.values)
    limitUsd = _limit()
    isActive = zod.Boolean(required=False)


class UpdateBudget(zod.Serializer):
    limitUsd = _limit(required=False)
    isActive = zod.Boolean(required=False)
