"""Files that tasks can be given."""

import mimetypes
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import FileResponse, Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from tasks.api import paging, responses
from tasks.api.json import Response
from tasks.api.requests import DocumentListQuery
from tasks.api.uploads import UploadParser
from tasks.api.views.base import ApiViewSet
from tasks.api.whole_lists import Answer
from tasks.api.zod import Invalid
from tasks.models import Document, Project
from tasks.models.log import to_text
from tasks.models.project import NAME_IN_URL, is_name_in_url

validate_list = DocumentListQuery.validator()


def get_document(document_id: str) -> Document:
    document = Document.objects.filter(pk=document_id).first()
    if document is None:
        raise Http404("Document not found")
    return document


class DocumentViewSet(ApiViewSet):
    parser_classes = [UploadParser]

    @extend_schema(
        parameters=[DocumentListQuery, responses.LINK],
        responses={200: responses.Document(many=True)},
    )
    def list(self, request: Request) -> Answer:
        """List documents, the newest first."""
        query = validate_list(request.query_params.dict())
        documents = Document.objects.all()
        if "projectId" in query:
            documents = documents.filter(project_id=query["projectId"])
        return paging.answer(request, query, documents, paging.NEWEST, _shown)

    @extend_schema(
        request={
            "multipart/form-data": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "id": {"type": "string"},
                    "projectId": {"type": "string"},
                },
            }
        },
        responses={201: responses.Document},
    )
    def create(self, request: Request) -> Response:
        """Upload a file, under an id of the client's choice if it gives one."""
        file = request.FILES.get("file")
        if file is None:
            raise Invalid.field("file", "Required")
        fields = _fields(request.POST.dict(), file)
        try:
            with transaction.atomic():
                # The row first: of two uploads under one id, the loser writes no file.
                document = Document(size=file.size or 0, **fields)
                document.save(force_insert=True)
                document.file.save(file.name or "file", file)
        except IntegrityError:
            message = f"A document with this id exists: {fields.get('pk')}"
            raise Invalid.field("id", message) from None
        return Response(_shown(document), status=201)

    @extend_schema(responses={200: responses.Document})
    def retrieve(self, request: Request, document_id: str) -> Response:
        """Get what is known of a document, without its content."""
        return Response(_shown(get_document(document_id)))

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def content(self, request: Request, document_id: str) -> FileResponse:
        """Download the file. Always as a download: its content is not ours to run."""
        document = get_document(document_id)
        try:
            file = document.file.open("rb")
        except FileNotFoundError:
            raise Http404("The document's file is gone") from None
        return FileResponse(
            file,
            as_attachment=True,
            filename=document.name,
            content_type="application/octet-stream",
        )

    @extend_schema(responses={200: responses.Success})
    def destroy(self, request: Request, document_id: str) -> Response:
        """Remove a document; tasks that have it lose it."""
        document = get_document(document_id)
        with transaction.atomic():
            document.delete()
            transaction.on_commit(document.remove_file)
        return Response({"success": True})


def _fields(form: dict[str, Any], file: "UploadedFile[Any]") -> dict[str, Any]:
    name = file.name or "file"
    fields: dict[str, Any] = {"name": name, "media_type": _media_type(file, name)}
    if "id" in form:
        if not is_name_in_url(form["id"]):
            raise Invalid.field("id", str(NAME_IN_URL.message))
        fields["pk"] = form["id"]
    if "projectId" in form:
        project_id = form["projectId"]
        if "\x00" in project_id or not Project.objects.filter(pk=project_id).exists():
            raise Invalid.field("projectId", "Project not found")
        fields["project_id"] = project_id
    return fields


def _media_type(file: "UploadedFile[Any]", name: str) -> str:
    told = (file.content_type or "").partition(";")[0].strip()
    guessed = mimetypes.guess_type(name)[0]
    fallback = "application/octet-stream"
    return (told if told and told != fallback else guessed or fallback)[:255]


def _shown(document: Document) -> dict[str, Any]:
    return {
        "id": document.pk,
        "name": document.name,
        "mediaType": document.media_type,
        "size": document.size,
        "projectId": document.project_id,
        "createdAt": to_text(document.created_at),
        "url": f"/api/documents/{document.pk}/content",
    }
