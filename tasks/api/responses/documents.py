"""What the API answers about documents, for the OpenAPI description alone: see `tasks.api.responses`."""

from rest_framework import serializers as drf

from tasks.api.responses.fields import ResponseBody, choice, nullable_text, text
from tasks.models import Document as DocumentRow

DIRECTIONS = DocumentRow.Direction.values

DOCUMENT_STATUSES = DocumentRow.Status.values


class Document(ResponseBody):
    id = text()
    name = text()
    originalName = text(help_text="The same.")
    filename = text(help_text="The same.")
    mediaType = text()
    mimeType = text(help_text="The same.")
    size = drf.IntegerField(help_text="Bytes.")
    projectId = nullable_text()
    taskId = drf.UUIDField(allow_null=True, help_text="The task that made it.")
    direction = choice(*DIRECTIONS, help_text="output: a task has made it.")
    version = drf.IntegerField(help_text="Of what was made under this name.")
    category = nullable_text()
    status = choice(*DOCUMENT_STATUSES, help_text="Of its text. error: unreadable.")
    processingError = nullable_text(help_text="Why its text cannot be read.")
    createdAt = drf.DateTimeField()
    updatedAt = drf.DateTimeField()
    url = text(help_text="The path of its content.")


class DocumentWithText(Document):
    extractedText = nullable_text(
        help_text="What was read out of a PDF, Word, PowerPoint, Excel or HTML file."
    )
