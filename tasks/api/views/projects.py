from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from stagent.database.json_text import iso_text
from tasks.access import rights
from tasks.api import paging, responses
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.requests.fields import ListQuery
from tasks.api.requests.projects import CreateProject, ProjectDocuments, UpdateProject
from tasks.api.views.base import ApiView, ApiViewSet
from tasks.api.views.documents import represent_document
from tasks.api.views.lookups import get_project
from tasks.api.views.task_bodies import find_documents
from tasks.api.whole_lists import AnyResponse
from tasks.api.zod import Invalid
from tasks.models import Document, PermissionRule, Project

validate_create = CreateProject.validator()
validate_update = UpdateProject.validator()
validate_documents = ProjectDocuments.validator()


class ProjectViewSet(ApiViewSet):
    """Projects."""

    list_query = ListQuery.reader()
    serializer_class = CreateProject

    @extend_schema(
        parameters=[ListQuery, responses.LINK],
        responses={200: responses.Project(many=True)},
    )
    def list(self, request: Request) -> AnyResponse:
        """List projects by name."""
        query = self.list_query(request.query_params)
        projects = Project.objects.all()
        return paging.respond(request, query, projects, paging.BY_NAME, _represent)

    @extend_schema(request=CreateProject, responses={201: responses.Project})
    def create(self, request: Request) -> Response:
        """Create a project, under an id of the client's choice if it gives one."""
        data = _columns(validate_create(json_body(request)))
        try:
            with transaction.atomic():
                project = Project.objects.create(**data)
        except IntegrityError:
            raise Invalid.field(
                "id", f"A project with this id exists: {data['id']}"
            ) from None
        return Response(_represent(project), status=201)

    @extend_schema(responses={200: responses.Project})
    def retrieve(self, request: Request, project_id: str) -> Response:
        """Get a project."""
        return Response(_represent(get_project(project_id)))

    @extend_schema(request=UpdateProject, responses={200: responses.Project})
    def partial_update(self, request: Request, project_id: str) -> Response:
        """Change a project's name, description or default documents."""
        project = get_project(project_id)
        data = _columns(validate_update(json_body(request)))
        ids = data.pop("documentIds", None)
        documents = None if ids is None else _documents(request, ids)
        with transaction.atomic():
            if data:
                rows = Project.objects.filter(pk=project_id)
                rows.update(updated_at=timezone.now(), **data)
            if documents is not None:
                project.default_documents.set(documents)
        return Response(_represent(get_project(project_id)))

    @extend_schema(responses={200: responses.Success})
    def destroy(self, request: Request, project_id: str) -> Response:
        """Remove a project; its tasks and documents stay, its permission rules do not."""
        project = get_project(project_id)
        if PermissionRule.objects.filter(project=project).exists():
            rights.require(request, rights.DELETE_RULES)
        project.delete()
        return Response({"success": True})


class ProjectDocumentsView(ApiView):
    """The documents that every task of a project is given."""

    @extend_schema(responses={200: responses.Document(many=True)})
    def get(self, request: Request, project_id: str) -> Response:
        """List the documents that every task of the project is given when it runs."""
        project = get_project(project_id)
        rights.require(request, rights.VIEW_DOCUMENTS)
        found = project.default_documents.order_by("created_at", "id")
        return Response([represent_document(document) for document in found])

    @extend_schema(
        request=ProjectDocuments, responses={200: responses.DefaultDocuments}
    )
    def put(self, request: Request, project_id: str) -> Response:
        """Say which documents every task of the project is given when it runs."""
        project = get_project(project_id)
        data = validate_documents(json_body(request))
        documents = _documents(request, data["documentIds"])
        project.default_documents.set(documents)
        return Response({"projectId": project.pk, "updated": len(documents)})


def _documents(request: Request, ids: list[str]) -> list[Document]:
    rights.require(request, rights.VIEW_DOCUMENTS)
    return find_documents(ids)


def _columns(data: dict[str, Any]) -> dict[str, Any]:
    return {name: "" if value is None else value for name, value in data.items()}


def _represent(project: Project) -> dict[str, Any]:
    return {
        "id": project.pk,
        "name": project.name,
        "description": project.description or None,
        "createdAt": iso_text(project.created_at),
        "updatedAt": iso_text(project.updated_at),
    }
