"""What a request about budgets may say, in the API's own words."""

from typing import Any

from ledger.models import OnExceed, Period, Scope
from tasks.api import zod


def _limit(**kwargs: Any) -> zod.Number:
    return zod.Number(
        min_value=0, max_value=1_000_000, help_text="US dollars.", **kwargs
    )


def _warn_percent() -> zod.Integer:
    return zod.Integer(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=100,
        help_text="A note is written when so much is spent. Null: as the server's settings say.",
    )


def _on_exceed() -> zod.Enum:
    return zod.Enum(
        OnExceed.values,
        required=False,
        help_text="What becomes of a run that meets the limit: stop ends it, ask has it wait"
        " for a person.",
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
    warnPercent = _warn_percent()
    onExceed = _on_exceed()


class UpdateBudget(zod.Serializer):
    limitUsd = _limit(required=False)
    isActive = zod.Boolean(required=False)
    warnPercent = _warn_percent()
    onExceed = _on_exceed()


class SetBudgetSettings(zod.Serializer):
    dailyLimit = _limit(required=False, allow_null=True)
    monthlyLimit = _limit(required=False, allow_null=True)
    alertThreshold = zod.Number(
        required=False,
        min_value=0,
        min_is_exclusive=True,
        max_value=1,
        help_text="The part of a limit at which a note is written: 0.8 is 80 %.",
    )
    onExceed = _on_exceed()
