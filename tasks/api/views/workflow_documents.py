"""/api/workflows/{id}/documents: what every step of a workflow is given, or one of them."""

from typing import Any

from django.db import transaction
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from stagent.database.json_text import iso_text
from tasks.access import rights
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.representation.workflow_status import document_json
from tasks.api.requests.workflows import AttachDocuments, DetachDocuments
from tasks.api.responses import workflows as answers
from tasks.api.views.base import ApiView
from tasks.api.views.lookups import get_workflow
from tasks.api.zod import Invalid
from tasks.models import Document, Workflow, WorkflowDocument
from tasks.workflows.definition import InvalidDefinition
from tasks.workflows.definition_reader import parse

JSON = dict[str, Any]

validate_attach = AttachDocuments.validator()
validate_detach = DetachDocuments.validator()


class WorkflowDocumentsView(ApiView):
    """The documents that a workflow's steps are given."""

    @extend_schema(responses={200: answers.Binding(many=True)})
    def get(self, request: Request, workflow_id: str) -> Response:
        """List the documents of a workflow, each with the step that it is for."""
        workflow = get_workflow(workflow_id)
        rights.require(request, rights.VIEW_DOCUMENTS)
        bindings = workflow.documents.select_related("document")
        return Response([_represent(binding) for binding in bindings])

    @extend_schema(request=AttachDocuments, responses={201: answers.Attached})
    def post(self, request: Request, workflow_id: str) -> Response:
        """Give documents to every step, or to one; those that it has already stay as they are."""
        workflow = get_workflow(workflow_id)
        rights.require(request, rights.VIEW_DOCUMENTS)
        data = validate_attach(json_body(request))
        ids = list(dict.fromkeys(data["documentIds"]))
        if not ids:
            raise Invalid.field(
                "documentIds", "Array must contain at least 1 element(s)"
            )
        step_id = _step_id(workflow, data)
        attached = _attach(workflow, step_id, ids)
        body = {"attached": attached, "workflowId": str(workflow.pk)}
        return Response({**body, "stepId": step_id or None}, status=201)

    @extend_schema(request=DetachDocuments, responses={200: answers.Detached})
    def delete(self, request: Request, workflow_id: str) -> Response:
        """Take documents away; without a body, all of them."""
        workflow = get_workflow(workflow_id)
        has_body = request.META.get("CONTENT_LENGTH") not in {None, "", "0"}
        data = validate_detach(json_body(request)) if has_body else {}
        bindings = workflow.documents.all()
        if "documentIds" in data:
            bindings = bindings.filter(document_id__in=data["documentIds"])
        if data.get("stepId") is not None:
            bindings = bindings.filter(step_id=data["stepId"])
        bindings.delete()
        return Response({"ok": True})


def _step_id(workflow: Workflow, data: JSON) -> str:
    step_id: str = data.get("stepId") or ""
    if not step_id:
        return ""
    try:
        step = parse(workflow.definition).step(step_id)
    except InvalidDefinition:
        step = None
    if step is None:
        raise Invalid.field("stepId", f"Step not found: {step_id[:100]}")
    return step_id


def _attach(workflow: Workflow, step_id: str, ids: list[str]) -> int:
    """Attach and return how many are new."""
    found = set(Document.objects.filter(pk__in=ids).values_list("pk", flat=True))
    if missing := [pk for pk in ids if pk not in found]:
        raise Http404(f"Document not found: {', '.join(missing)[:500]}")
    with transaction.atomic():
        bindings = workflow.documents.filter(step_id=step_id)
        there = set(bindings.values_list("document_id", flat=True))
        new = [pk for pk in ids if pk not in there]
        WorkflowDocument.objects.bulk_create(
            [
                WorkflowDocument(workflow=workflow, document_id=pk, step_id=step_id)
                for pk in new
            ],
            ignore_conflicts=True,
        )
    return len(new)


def _represent(binding: WorkflowDocument) -> JSON:
    return {
        "bindingId": binding.pk,
        "documentId": binding.document_id,
        "stepId": binding.step_id or None,
        "createdAt": iso_text(binding.created_at),
        "document": document_json(binding.document),
    }
