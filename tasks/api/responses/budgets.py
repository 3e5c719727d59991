"""What the API answers about budgets, for the OpenAPI description alone: see `tasks.api.responses`."""

from rest_framework import serializers as drf

from ledger.models import OnExceed, Period, Scope
from tasks.api.responses.fields import (
    ResponseBody,
    choice,
    microdollars,
    nullable_text,
    nullable_time,
    text,
)


class Budget(ResponseBody):
    id = text()
    scope = choice(*Scope.values)
    scopeId = nullable_text()
    period = choice(*Period.values)
    isActive = drf.BooleanField()
    limitUsd = drf.FloatField()
    limitMicros = microdollars()
    spentMicros = microdollars()
    reservedMicros = microdollars()
    leftMicros = microdollars()
    resetsAt = drf.DateTimeField()
    warnPercent = drf.IntegerField(allow_null=True)
    onExceed = choice(*OnExceed.values)
    updatedAt = drf.DateTimeField()


class SpendCap(ResponseBody):
    monthlySpendCapUsd = drf.FloatField(allow_null=True)


class SpendPolicy(ResponseBody):
    """The monthly limits of everything and of each runtime; null is none."""

    overall = SpendCap()
    runtimes = drf.DictField(child=SpendCap())


class SpendStatus(ResponseBody):
    """A limit and what is spent of it, in microdollars; a limit that is null is none."""

    id = text(help_text="overall:daily:spend, or with a runtime's name for overall.")
    scopeId = text()
    scopeLabel = text()
    runtimeId = nullable_text()
    window = choice(*Period.values)
    currentValue = drf.IntegerField()
    limitValue = drf.IntegerField(allow_null=True)
    ratio = drf.FloatField(allow_null=True)
    health = choice("unlimited", "ok", "warning", "blocked")
    resetAtIso = drf.DateTimeField()


class BudgetSettings(ResponseBody):
    dailyLimit = drf.FloatField(
        allow_null=True, help_text="US dollars. Null: no limit."
    )
    monthlyLimit = drf.FloatField(
        allow_null=True, help_text="US dollars. Null: no limit."
    )
    dailySpend = drf.FloatField()
    monthlySpend = drf.FloatField()
    alertThreshold = drf.FloatField()
    onExceed = choice(*OnExceed.values)
    updatedAt = nullable_time()
    policy = SpendPolicy()
    statuses = SpendStatus(many=True)
    dailyResetAtIso = drf.DateTimeField()
    monthlyResetAtIso = drf.DateTimeField()
