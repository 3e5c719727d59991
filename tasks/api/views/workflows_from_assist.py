"""POST /api/workflows/from-assist: keep a workflow that a model has proposed, and start it at once."""

import json
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from tasks.access import rights
from tasks.access.authentication import actor
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.representation.workflows import add_counts, represent_workflow
from tasks.api.requests.workflows import WorkflowFromAssist
from tasks.api.responses import workflows as answers
from tasks.api.views.base import ApiView
from tasks.api.views.task_bodies import check_references
from tasks.api.views.workflows import check_definition
from tasks.models import StepRun, Workflow, WorkflowRun
from tasks.workflows.advance import advance
from tasks.workflows.start import start

JSON = dict[str, Any]

validate = WorkflowFromAssist.validator()


class WorkflowFromAssistView(ApiView):
    """Makes a workflow of what an assist has suggested."""

    @extend_schema(
        request=WorkflowFromAssist, responses={201: answers.WorkflowFromAssistResult}
    )
    def post(self, request: Request) -> Response:
        """Define a workflow as a whole, and start it if asked to.

        To start it needs the right to change workflows, too. Its tasks are made when its steps start.
        """
        data = validate(json_body(request))
        is_started = bool(data.get("executeImmediately"))
        if is_started:
            rights.require(request, rights.CHANGE_WORKFLOW)
        if parent := data.get("parentTask"):
            data.setdefault("assistId", parent)
        check_references(data)
        definition = _add_defaults(data)
        check_definition(request, definition)
        workflow = Workflow.objects.create(
            name=data["name"],
            project_id=data.get("projectId"),
            definition=definition,
            assist_id=data.get("assistId"),
            created_by=actor(request),
        )
        task_ids = _start(workflow, by=actor(request)) if is_started else []
        body = {
            "workflow": represent_workflow(
                add_counts(Workflow.objects.filter(pk=workflow.pk)).get()
            ),
            "taskIds": task_ids,
            "parentTaskId": str(workflow.assist_id) if workflow.assist_id else None,
            "status": "started" if is_started else "created",
        }
        return Response(body, status=201)


def _add_defaults(data: JSON) -> str:
    """Write what holds for all steps into the definition, where a step says nothing else."""
    definition: JSON = json.loads(data["definition"])
    definition.setdefault("priority", data["priority"])
    if agent := data.get("assignedAgent"):
        for step in definition["steps"]:
            if not step.get("runtimeId") and not step.get("assignedAgent"):
                step["assignedAgent"] = agent
    return json.dumps(definition, ensure_ascii=False, indent=2)


def _start(workflow: Workflow, *, by: str) -> list[str]:
    """Start the first steps here and now, so that their tasks can be named."""
    run: WorkflowRun = start(workflow, by=by)
    advance(run.pk)
    tasks = StepRun.objects.filter(run=run, task__isnull=False).order_by("id")
    return [str(task_id) for task_id in tasks.values_list("task_id", flat=True)]
