"""What a request about the audit may say."""

from tasks.api import zod
from tasks.api.requests.fields import cursor_field, page_limit_field
from tasks.models import Way


class AuditListQuery(zod.Serializer):
    userName = zod.String(required=False, help_text="What this user wrote.")
    objectType = zod.String(
        required=False, help_text="What was written of this type: task, budget."
    )
    objectId = zod.String(required=False, help_text="What was written of this object.")
    way = zod.Enum(
        Way.values,
        required=False,
        help_text="By which door it came; looked for in the newest 20,000 entries.",
    )
    createdFrom = zod.TimeText(
        required=False, help_text="Entries of this time or later."
    )
    createdUntil = zod.TimeText(required=False, help_text="Entries before this time.")
    limit = page_limit_field()
    cursor = cursor_field()
