"""/api/workflows: define, execute, pause, resume, stop, retry, and tell how far one is."""

from typing import Any

from django.db import transaction
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from tasks.access import rights
from tasks.access.authentication import actor
from tasks.api import paging, responses
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.representation.workflow_status import run_to_show, status_of
from tasks.api.representation.workflow_target import represent_target
from tasks.api.representation.workflows import add_counts, represent_workflow
from tasks.api.requests.workflows import (
    CreateWorkflow,
    UpdateWorkflow,
    WorkflowListQuery,
    WorkflowStatusQuery,
)
from tasks.api.responses import workflows as answers
from tasks.api.views.base import ApiViewSet
from tasks.api.views.lookups import get_workflow
from tasks.api.views.task_bodies import check_references
from tasks.api.whole_lists import AnyResponse
from tasks.api.zod import Invalid
from tasks.exceptions import Conflict
from tasks.models import Worker, Workflow
from tasks.workflows import control, references
from tasks.workflows.definition import InvalidDefinition
from tasks.workflows.definition_reader import parse
from tasks.workflows.start import start

JSON = dict[str, Any]

validate_create = CreateWorkflow.validator()
validate_update = UpdateWorkflow.validator()
validate_status = WorkflowStatusQuery.validator()

CONFLICT = {409: answers.WorkflowConflict}
ACCEPTED = {202: answers.WorkflowAccepted, **CONFLICT}


class WorkflowViewSet(ApiViewSet):
    """Workflows: written, run, stopped, retried."""

    list_query = WorkflowListQuery.reader()
    serializer_class = CreateWorkflow

    @extend_schema(
        parameters=[WorkflowListQuery, responses.LINK],
        responses={200: answers.Workflow(many=True)},
    )
    def list(self, request: Request) -> AnyResponse:
        """List workflows, the newest first."""
        query = self.list_query(request.query_params)
        rows = add_counts(Workflow.objects.all())
        if "projectId" in query:
            rows = rows.filter(project_id=query["projectId"])
        return paging.respond(
            request, query, rows, paging.NEWEST_UUID, represent_workflow
        )

    @extend_schema(request=CreateWorkflow, responses={201: answers.Workflow})
    def create(self, request: Request) -> Response:
        """Define a workflow. It starts as a draft."""
        data = validate_create(json_body(request))
        check_references(data)
        check_definition(request, data["definition"])
        workflow = Workflow.objects.create(
            name=data["name"],
            project_id=data.get("projectId"),
            definition=data["definition"],
            created_by=actor(request),
        )
        return Response(represent_workflow(workflow), status=201)

    @extend_schema(responses={200: answers.Workflow})
    def retrieve(self, request: Request, workflow_id: str) -> Response:
        """Get a workflow with its definition."""
        return Response(_fresh(get_workflow(workflow_id)))

    @extend_schema(
        request=UpdateWorkflow, responses={200: answers.WorkflowChange, **CONFLICT}
    )
    def partial_update(self, request: Request, workflow_id: str) -> Response:
        """Change the name or the definition of one that is not in hand, or pause an active one.

        An edit makes it a draft again; its earlier runs stay readable.
        """
        workflow = get_workflow(workflow_id)
        data = validate_update(json_body(request))
        if "status" in data:
            _check_pause(data)
            control.pause(workflow, by=actor(request))
            return Response({"id": str(workflow.pk), "status": "paused"})
        if not data:
            raise Invalid.form("Name what to change: name, definition or status")
        if "definition" in data:
            check_definition(request, data["definition"])
        _edit(workflow, data)
        return Response(_fresh(workflow))

    @extend_schema(responses={200: answers.WorkflowDeleted, **CONFLICT})
    def destroy(self, request: Request, workflow_id: str) -> Response:
        """Remove a workflow that is not active; its tasks, and what they spent, stay."""
        control.delete(get_workflow(workflow_id), by=actor(request))
        return Response({"deleted": True})

    @extend_schema(request=None, responses=ACCEPTED)
    def execute(self, request: Request, workflow_id: str) -> Response:
        """Begin a fresh run, or go on with a paused one; workers start its steps."""
        workflow = get_workflow(workflow_id)
        if workflow.status == Workflow.Status.PAUSED:
            run = control.resume(workflow, by=actor(request))
        else:
            try:
                run = start(workflow, by=actor(request))
            except InvalidDefinition as error:
                raise _invalid(error.problems) from error
        return _accept(workflow, "started", runNumber=run.number)

    @extend_schema(request=None, responses=ACCEPTED)
    def resume(self, request: Request, workflow_id: str) -> Response:
        """Go on with a paused workflow from where it is."""
        workflow = get_workflow(workflow_id)
        control.resume(workflow, by=actor(request))
        return _accept(workflow, "resuming")

    @extend_schema(request=None, responses=ACCEPTED)
    def stop(self, request: Request, workflow_id: str) -> Response:
        """End an active or paused run; what runs of it is cancelled."""
        workflow = get_workflow(workflow_id)
        control.stop(workflow, by=actor(request))
        return _accept(workflow, "stopping")

    @extend_schema(request=None, responses=ACCEPTED)
    def retry(self, request: Request, workflow_id: str, step_id: str) -> Response:
        """Try a failed step again, and go on to what depended on it."""
        workflow = get_workflow(workflow_id)
        try:
            control.retry(workflow, step_id, by=actor(request))
        except control.UnknownStep as error:
            raise Http404(str(error)) from error
        return _accept(workflow, "retry_started", stepId=step_id)

    @extend_schema(
        parameters=[WorkflowStatusQuery], responses={200: answers.WorkflowStatus}
    )
    def status(self, request: Request, workflow_id: str) -> Response:
        """Tell how far a workflow is: its steps, their results, its runs.

        With `runNumber`, an earlier run with the definition that it had.
        """
        workflow = get_workflow(workflow_id)
        number = validate_status(request.query_params.dict()).get("runNumber")
        run = run_to_show(workflow, number)
        if number is not None and run is None:
            raise Http404("Run not found")
        return Response(status_of(workflow, run))

    @extend_schema(responses={200: answers.WorkflowTarget})
    def target(self, request: Request, workflow_id: str) -> Response:
        """Tell what each step would get if it started now, and what would refuse it."""
        try:
            return Response(represent_target(get_workflow(workflow_id)))
        except InvalidDefinition as error:
            raise _invalid(error.problems) from error


# --- What requests refer to -----------------------------------------------------------------


def check_definition(request: Request, text: str) -> None:
    """Raise Invalid for what it names that is not there, PermissionDenied for what may not be seen."""
    definition = parse(text)
    if references.names_documents(definition):
        rights.require(request, rights.VIEW_DOCUMENTS)
    if definition.source_task_id:
        rights.require(request, rights.VIEW_TASK)
    if problems := references.find_problems(definition):
        raise _invalid(problems)


def _invalid(problems: list[str]) -> Invalid:
    return Invalid({"formErrors": [], "fieldErrors": {"definition": problems}})


def _check_pause(data: JSON) -> None:
    if data["status"] == Workflow.Status.ACTIVE:
        message = "Use POST /api/workflows/{id}/execute to start it"
        raise Invalid.field("status", message)
    if data["status"] != Workflow.Status.PAUSED:
        raise Invalid.field("status", "Only paused can be set")
    if len(data) > 1:
        raise Invalid.field("status", "Pause it and change it in two requests")


def _edit(workflow: Workflow, data: JSON) -> None:
    with transaction.atomic():
        idle = Workflow.objects.filter(pk=workflow.pk).exclude(
            status__in=[Workflow.Status.ACTIVE, Workflow.Status.PAUSED]
        )
        changed = idle.update(
            status=Workflow.Status.DRAFT, updated_at=timezone.now(), **data
        )
        if not changed:
            workflow.refresh_from_db()
            raise Conflict(
                f"A workflow that is {workflow.status} cannot be edited: stop it first.",
                status=workflow.status,
            )


# --- What is answered -------------------------------------------------------------------------


def _fresh(workflow: Workflow) -> JSON:
    return represent_workflow(add_counts(Workflow.objects.filter(pk=workflow.pk)).get())


def _accept(workflow: Workflow, what: str, **more: object) -> Response:
    absence = Worker.objects.absence()
    warning = {"warning": absence} if absence else {}
    body = {"status": what, "workflowId": str(workflow.pk), **more, **warning}
    return Response(body, status=202)
