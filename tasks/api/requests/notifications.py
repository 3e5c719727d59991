"""What a request about permission requests and questions may say, in the API's own words."""

from tasks.api import zod
from tasks.api.requests.fields import ListQuery
from tasks.models.outbox import ALL_NOTES, NOTES
from tasks.models.permission import TYPES as NOTIFICATION_TYPES
from tasks.models.permission import PermissionRequest


class NotificationListQuery(ListQuery):
    taskId = zod.String(required=False)
    status = zod.Enum(PermissionRequest.Status.values, required=False)
    type = zod.Enum(
        (*NOTIFICATION_TYPES, *NOTES.values(), ALL_NOTES),
        required=False,
        help_text="Without it, permission requests and questions. `notes`: of tasks that ended,"
        " budgets and schedules, which have no status.",
    )
    read = zod.Enum(("true", "false"), required=False)


class MarkRead(zod.Serializer):
    read = zod.Boolean()


class MarkAllRead(zod.Serializer):
    taskId = zod.String(required=False, help_text="Only those of this task.")


class Respond(zod.Serializer):
    notificationId = zod.String(min_length=1)
    behavior = zod.Enum(("allow", "deny"))
    message = zod.String(required=False, help_text="For the agent.")
    updatedInput = zod.Record(
        required=False,
        help_text="Merged into what the tool was given: what is not named stays. Only keys"
        " that it has, with values of the same type. Of a question, only `answers`, by question.",
    )
    alwaysAllow = zod.Boolean(required=False)
    permissionPattern = zod.String(
        required=False, help_text="A glob for the rule to keep."
    )
