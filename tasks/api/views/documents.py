"""Files that tasks can be given."""

import mimetypes
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import FileResponse, Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from stagent.database.json_text import iso_text
from tasks.access import rights
from tasks.api import paging, responses
from tasks.api.bodies import json_body
from tasks.api.downloads import send_file
from tasks.api.json import JSONParser, Response
from tasks.api.requests.documents import DocumentListQuery, KeepFile, UpdateDocument
from tasks.api.uploads import UploadParser
from tasks.api.views.base import ApiViewSet
from tasks.api.views.lookups import get_document
from tasks.api.views.task_bodies import read_uuid
from tasks.api.whole_lists import AnyResponse
from tasks.api.zod import Invalid
from tasks.files.keeping import NotKept, keep_file
from tasks.models import Document, DocumentText, Project, Task
from tasks.models.project import NAME_IN_URL, is_name_in_url
from tasks.models.task_updates import fetch

validate_keep = KeepFile.validator()
validate_update = UpdateDocument.validator()

MAX_VERSIONS = 500
FILTERS = {"projectId": "project_id", "status": "status", "direction": "direction"}
# What a browser may show of itself; under the policy of downloads it runs nothing in it.
SHOWN = frozenset(
    {"application/pdf", *(f"image/{kind}" for kind in ("png", "jpeg", "gif", "webp"))}
)
NO_PATH = (
    "A server takes no path of its own: upload the file, or name one of a task with taskId"
    " and path"
)


class DocumentViewSet(ApiViewSet):
    """Documents: uploaded, kept from tasks, downloaded."""

    list_query = DocumentListQuery.reader()

    parser_classes = [UploadParser, JSONParser]

    @extend_schema(
        parameters=[DocumentListQuery, responses.LINK],
        responses={200: responses.Document(many=True)},
    )
    def list(self, request: Request) -> AnyResponse:
        """List documents, the newest first."""
        query = self.list_query(request.query_params)
        return paging.respond(
            request, query, _filter(query), paging.NEWEST, represent_document
        )

    # The body of JSON is told in words alone: of two, generated clients take JSON's for the only one.
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
                "example": {
                    "file": "region,revenue\nnorth,3400\n",
                    "id": "q4-revenue",
                    "projectId": "sales",
                },
            },
        },
        responses={201: responses.Document},
    )
    def create(self, request: Request) -> Response:
        """Upload a file, under an id of the client's choice if it gives one.

        With a body of JSON, `{"taskId": …, "path": …}` and if need be `projectId` and `category`,
        a file that a task has made is kept: as the next version of its name, of direction
        `output`.
        """
        if (request.content_type or "").startswith(JSONParser.media_type):
            return Response(represent_document(_keep_file(request)), status=201)
        file = request.FILES.get("file")
        if file is None:
            raise Invalid.field("file", "Required")
        fields = _fields(request.POST.dict(), file)
        try:
            with transaction.atomic():
                # The row first: of two uploads under one id, the loser writes no file.
                document = Document(size=file.size or 0, **fields)
                document.begin_reading()
                document.save(force_insert=True)
                document.file.save(file.name or "file", file)
        except IntegrityError:
            message = f"A document with this id exists: {fields.get('pk')}"
            raise Invalid.field("id", message) from None
        return Response(represent_document(document), status=201)

    @extend_schema(responses={200: responses.DocumentWithText})
    def retrieve(self, request: Request, document_id: str) -> Response:
        """Get what is known of a document, and the text that was read out of it."""
        return Response(_represent_with_text(get_document(document_id)))

    @extend_schema(request=UpdateDocument, responses={200: responses.DocumentWithText})
    def partial_update(self, request: Request, document_id: str) -> Response:
        """Change a document's project or category, or have its text read again."""
        document = get_document(document_id)
        data = validate_update(json_body(request))
        changes: dict[str, Any] = {}
        if "projectId" in data:
            changes["project_id"] = _project_id(data["projectId"])
        if "category" in data:
            changes["category"] = data["category"] or ""
        if data.get("reprocess"):
            document.begin_reading()
            changes |= {"status": document.status, "problem": ""}
        if changes:
            rows = Document.objects.filter(pk=document_id)
            rows.update(updated_at=timezone.now(), **changes)
        return Response(_represent_with_text(get_document(document_id)))

    @extend_schema(responses={200: responses.Document(many=True)})
    def versions(self, request: Request, document_id: str) -> Response:
        """List what tasks have made under the document's name, the newest version first."""
        document = get_document(document_id)
        versions = Document.objects.versions_of(document)[:MAX_VERSIONS]
        return Response([represent_document(one) for one in versions])

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "inline", enum=["0", "1"], description="1: images and PDF to be shown."
            )
        ],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def file(self, request: Request, document_id: str) -> Any:
        """Download the file, or a part of it, with its own media type."""
        document = get_document(document_id)
        try:
            file = document.file.open("rb").file
        except FileNotFoundError:
            raise Http404("The document's file is gone") from None
        response = send_file(
            request, file, name=document.name, media_type=document.media_type
        )
        is_shown = request.query_params.get("inline") == "1"
        if is_shown and document.media_type in SHOWN:
            told = response.headers["Content-Disposition"]
            response.headers["Content-Disposition"] = told.replace(
                "attachment", "inline", 1
            )
        return response

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


def represent_document(document: Document) -> dict[str, Any]:
    return {
        "id": document.pk,
        "name": document.name,
        "originalName": document.name,
        "filename": document.name,
        "mediaType": document.media_type,
        "mimeType": document.media_type,
        "size": document.size,
        "projectId": document.project_id,
        "taskId": str(document.made_by) if document.made_by else None,
        "direction": document.direction,
        "version": document.version,
        "category": document.category or None,
        "status": document.status,
        "processingError": document.problem or None,
        "createdAt": iso_text(document.created_at),
        "updatedAt": iso_text(document.updated_at),
        "url": f"/api/documents/{document.pk}/content",
    }


def _represent_with_text(document: Document) -> dict[str, Any]:
    text = (
        DocumentText.objects.filter(pk=document.pk).first() if document.kind else None
    )
    return represent_document(document) | {"extractedText": text.text if text else None}


def _filter(query: dict[str, Any]) -> QuerySet[Document]:
    documents: QuerySet[Document] = Document.objects.all()
    for name, column in FILTERS.items():
        if name in query:
            documents = documents.filter(**{column: query[name]})
    if "taskId" in query:
        documents = _of_task(documents, read_uuid(query["taskId"]))
    if "search" in query:
        word = query["search"]
        texts = DocumentText.objects.filter(text__icontains=word).values("pk")
        documents = documents.filter(Q(name__icontains=word) | Q(pk__in=texts))
    return documents


def _of_task(documents: QuerySet[Document], task_id: UUID | None) -> QuerySet[Document]:
    """Leave those that a task has, or has made."""
    if task_id is None:
        return documents.none()
    links = Task.documents.through.objects.filter(task_id=task_id)
    return documents.filter(Q(pk__in=links.values("document_id")) | Q(made_by=task_id))


def _keep_file(request: Request) -> Document:
    body = json_body(request)
    if isinstance(body, dict) and "file_path" in body:
        raise Invalid.field("file_path", NO_PATH)
    data = validate_keep(body)
    rights.require(request, rights.VIEW_TASK)
    task_id = read_uuid(data["taskId"])
    task = fetch(task_id) if task_id else None
    if task is None:
        raise Invalid.field("taskId", "Task not found")
    try:
        return keep_file(
            task,
            data["path"],
            project_id=_project_id(data.get("projectId", task.project_id)),
            category=data.get("category", ""),
        )
    except NotKept as refused:
        raise Invalid.field("path", str(refused)) from None


def _project_id(project_id: str | None) -> str | None:
    if project_id and not Project.objects.filter(pk=project_id).exists():
        raise Invalid.field("projectId", "Project not found")
    return project_id or None
