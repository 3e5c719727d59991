"""What the API answers about budgets, for the OpenAPI description alone: see `tasks.api.responses`."""

from rest_framework import serializers as drf

from ledger.models import Period, Scope
from tasks.api.responses.fields import Answer, choice, microdollars, nullable_text, text


class Budget(Answer):
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
