"""What a request about projects may say, in the API's own words."""

from tasks.api import zod
from tasks.api.requests.fields import (
    MAX_DOCUMENTS,
    description_field,
    document_ids_field,
)
from tasks.models.project import NAME_IN_URL


class ProjectDocuments(zod.Serializer):
    documentIds = zod.ArrayOf(
        zod.String(),
        max_length=MAX_DOCUMENTS,
        help_text="All that every task of the project is to be given.",
    )


class CreateProject(zod.Serializer):
    id = zod.String(
        required=False,
        min_length=1,
        max_length=128,
        pattern=r"(?!\.\.?$)[A-Za-z0-9._-]+",
        hint=str(NAME_IN_URL.message),
    )
    name = zod.String(min_length=1, max_length=200)
    description = description_field(allow_null=True)


class UpdateProject(zod.Serializer):
    name = zod.String(required=False, min_length=1, max_length=200)
    description = description_field(allow_null=True)
    documentIds = document_ids_field(
        help_text="All that every task of the project is to be given."
    )
