from typing import Any

from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from tasks.access import rights
from tasks.api import paging, responses
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.requests import CreateProject, ListQuery, UpdateProject
from tasks.api.views.base import ApiViewSet
from tasks.api.whole_lists import Answer
from tasks.api.zod import Invalid
from tasks.models import PermissionRule, Project
from tasks.models.log import to_text

validate_create = CreateProject.validator()
validate_update = UpdateProject.validator()
validate_list = ListQuery.validator()


def get_project(project_id: str) -> Project:
    project = Project.objects.filter(pk=project_id).first()
    if project is None:
        raise Http404("Project not found")
    return project


class ProjectViewSet(ApiViewSet):
    serializer_class = CreateProject

    @extend_schema(
        parameters=[ListQuery, responses.LINK],
        responses={200: responses.Project(many=True)},
    )
    def list(self, request: Request) -> Answer:
        """List projects by name."""
        query = validate_list(request.query_params.dict())
        projects = Project.objects.all()
        return paging.answer(request, query, projects, paging.BY_NAME, _shown)

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
        return Response(_shown(project), status=201)

    @extend_schema(responses={200: responses.Project})
    def retrieve(self, request: Request, project_id: str) -> Response:
        """Get a project."""
        return Response(_shown(get_project(project_id)))

    @extend_schema(request=UpdateProject, responses={200: responses.Project})
    def partial_update(self, request: Request, project_id: str) -> Response:
        """Change a project's name or description."""
        get_project(project_id)
        data = _columns(validate_update(json_body(request)))
        if data:
            project = Project.objects.filter(pk=project_id)
            project.update(updated_at=timezone.now(), **data)
        return Response(_shown(get_project(project_id)))

    @extend_schema(responses={200: responses.Success})
    def destroy(self, request: Request, project_id: str) -> Response:
        """Remove a project; its tasks and documents stay, its permission rules do not."""
        project = get_project(project_id)
        if PermissionRule.objects.filter(project=project).exists():
            rights.require(request, rights.DELETE_RULES)
        project.delete()
        return Response({"success": True})


def _columns(data: dict[str, Any]) -> dict[str, Any]:
    return {name: "" if value is None else value for name, value in data.items()}


def _shown(project: Project) -> dict[str, Any]:
    return {
        "id": project.pk,
        "name": project.name,
        "description": project.description or None,
        "createdAt": to_text(project.created_at),
        "updatedAt": to_text(project.updated_at),
    }
