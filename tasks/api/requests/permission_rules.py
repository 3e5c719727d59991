"""What a request about permission rules may say, in the API's own words."""

from tasks.api import zod
from tasks.api.requests.fields import cursor_field, page_limit_field
from tasks.models.permission_rule import PermissionRule


class CreateRule(zod.Serializer):
    pattern = zod.String(
        min_length=1,
        max_length=2000,
        help_text="write:/reports/*, run:git log *, fetch:https://example.com/**, mcp:server/tool.",
    )
    effect = zod.Enum(PermissionRule.Effect.values)
    taskId = zod.String(
        required=False, allow_null=True, help_text="For this task only."
    )
    projectId = zod.String(
        required=False, allow_null=True, help_text="For this project's tasks only."
    )
    expiresAt = zod.String(
        required=False,
        allow_null=True,
        pattern=r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)",
        hint="Invalid datetime",
        help_text="ISO 8601, with Z or an offset; left out or null, the rule never expires.",
    )


class RuleListQuery(zod.Serializer):
    taskId = zod.String(required=False)
    projectId = zod.String(required=False)
    scope = zod.Enum(PermissionRule.Scope.values, required=False)
    limit = page_limit_field()
    cursor = cursor_field()
