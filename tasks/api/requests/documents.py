"""What a request about documents may say, in the API's own words."""

from tasks.api import zod
from tasks.api.requests.fields import cursor_field, page_limit_field
from tasks.models import Document


class DocumentListQuery(zod.Serializer):
    projectId = zod.String(required=False)
    taskId = zod.String(required=False, help_text="Those that a task has, or has made.")
    status = zod.Enum(Document.Status.values, required=False)
    direction = zod.Enum(Document.Direction.values, required=False)
    search = zod.String(
        required=False, max_length=200, help_text="A part of the name or of the text."
    )
    limit = page_limit_field()
    cursor = cursor_field()


class KeepFile(zod.Serializer):
    taskId = zod.String(help_text="The task that made the file.")
    path = zod.String(min_length=1, help_text="In the task's folder.")
    projectId = zod.String(
        required=False, allow_null=True, help_text="Without, the task's own."
    )
    category = zod.String(required=False, max_length=100)


class UpdateDocument(zod.Serializer):
    projectId = zod.String(required=False, allow_null=True)
    category = zod.String(required=False, allow_null=True, max_length=100)
    reprocess = zod.Boolean(required=False, help_text="true: read its text again.")
