"""What the API answers about projects, for the OpenAPI description alone: see `tasks.api.responses`."""

from rest_framework import serializers as drf

from tasks.api.responses.fields import ResponseBody, nullable_text, text


class DefaultDocuments(ResponseBody):
    projectId = text()
    updated = drf.IntegerField(help_text="How many the project has now.")


class Project(ResponseBody):
    id = text()
    name = text()
    description = nullable_text()
    createdAt = drf.DateTimeField()
    updatedAt = drf.DateTimeField()
