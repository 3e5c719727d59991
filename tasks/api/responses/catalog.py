"""What the API answers about profiles and runtimes, for the OpenAPI description alone: see `tasks.api.responses`."""

from rest_framework import serializers as drf

from tasks.api.responses.fields import Answer, choice, nullable_text, text, texts
from tasks.catalog import BUILT_IN


class Profile(Answer):
    id = text()
    name = text()
    description = text()
    domain = nullable_text()
    tags = texts()
    runtimes = texts()
    tools = texts()
    allowed = texts()
    denied = texts()
    network = drf.BooleanField()
    maxTurns = drf.IntegerField(allow_null=True)
    maxBudgetUsd = drf.FloatField(allow_null=True)
    source = choice(BUILT_IN, "site")  # type: ignore[assignment]  # of Field, too


class ProfileWithInstructions(Profile):
    instructions = text()


class Runtime(Answer):
    id = text()
    name = text()
    provider = text()
    description = text()
    isReady = drf.BooleanField()
    isDefault = drf.BooleanField()
    reason = nullable_text(help_text="Why it is not ready.")
    fix = nullable_text(help_text="What mends it.")
    version = nullable_text()
    canResume = drf.BooleanField()
    editsInput = drf.BooleanField()
