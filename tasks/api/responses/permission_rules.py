"""What the API answers about permission rules, for the OpenAPI description alone: see `tasks.api.responses`."""

from rest_framework import serializers as drf

from tasks.api.responses.fields import (
    ResponseBody,
    choice,
    nullable_text,
    nullable_time,
    text,
)
from tasks.models import PermissionRule

EFFECTS = PermissionRule.Effect.values

RULE_SCOPES = PermissionRule.Scope.values


class Rule(ResponseBody):
    """A standing permission rule."""

    id = text()
    pattern = text()
    effect = choice(*EFFECTS)
    scope = choice(*RULE_SCOPES)
    taskId = drf.UUIDField(allow_null=True)
    projectId = nullable_text()
    createdBy = nullable_text()
    createdAt = drf.DateTimeField()
    expiresAt = nullable_time()
    isExpired = drf.BooleanField()
    useCount = drf.IntegerField()
    lastUsedAt = nullable_time()
