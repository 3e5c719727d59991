"""What the API answers about projects, for the OpenAPI description alone: see `tasks.api.responses`."""

from rest_framework import serializers as drf

from tasks.api.responses.fields import Answer, nullable_text, text


class DefaultDocuments(Answer):
    projectId = text()
    updated = drf.IntegerField(help_text="How many the project has now.")


class Project(Answer):
    id = text()
    name = text()
    description = nullable_text()
    createdAt = drf.DateTimeField()
    updatedAt = drf.DateTimeField()
