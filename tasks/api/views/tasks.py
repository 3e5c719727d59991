"""/api/tasks: create, read, change, and the verbs that start and stop agents."""

from contextlib import nullcontext
from functools import partial
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponse, StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from tasks import lifecycle
from tasks.access import rights
from tasks.access.authentication import actor
from tasks.api import etags, paging, responses
from tasks.api.bodies import json_body
from tasks.api.content_type import content_type_of
from tasks.api.json import Response
from tasks.api.representation import provenance
from tasks.api.representation import tasks as representation
from tasks.api.requests.tasks import CreateTask, TaskListQuery, UpdateTask
from tasks.api.responses.log import LOG_EVENT
from tasks.api.responses.provenance import Provenance
from tasks.api.views.base import ApiViewSet
from tasks.api.views.lookups import get_task, parse_uuid
from tasks.api.views.task_bodies import (
    changes_of,
    check_compatible,
    check_references,
    documents_of,
    sources_of,
)
from tasks.api.whole_lists import Answer
from tasks.exceptions import Refused
from tasks.models import Document, Status, Task, Worker
from tasks.models.task import change
from tasks.streams import access
from tasks.streams.log_stream import follow_log, until_finished

JSON = dict[str, Any]

validate_create = CreateTask.validator()
validate_update = UpdateTask.validator()
validate_list = TaskListQuery.validator()

IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="An ETag: 304 if the task is still so.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="An ETag: 412, and no change, if the task is no longer so.",
)
STARTS = {
    202: responses.Started,
    400: responses.BAD_REQUEST,
    429: responses.BUDGET_EXCEEDED,
}


class TaskViewSet(ApiViewSet):
    serializer_class = CreateTask

    @extend_schema(
        parameters=[TaskListQuery, responses.LINK],
        responses={200: responses.Task(many=True)},
    )
    def list(self, request: Request) -> Answer:
        """List tasks, the most urgent and then the newest first."""
        query = validate_list(request.query_params.dict())
        filters, limit = _filters(query), paging.limit_of(query)
        if limit is None:
            return representation.whole_list(**filters).answer()
        after = _place(query)
        rows = representation.page_rows(limit + 1, after=after, **filters)
        return paging.page(request, paging.MOST_URGENT, rows, limit, itemgetter(0))

    @extend_schema(request=CreateTask, responses={201: responses.Task})
    def create(self, request: Request) -> Response:
        """Create a task. It starts as planned."""
        data = validate_create(json_body(request))
        _check_rights(request, data)
        check_references(data)
        check_compatible(data.get("assignedAgent"), data.get("agentProfile"))
        documents = documents_of(data.get("documentIds", []))
        sources = sources_of(data["filesFrom"]) if "filesFrom" in data else []
        columns = changes_of(data) | {"created_by": actor(request)}
        try:
            task = _create(documents, sources, **columns)
        except IntegrityError:
            # What it refers to was there when it was checked; say which is gone.
            check_references(data)
            documents_of(data.get("documentIds", []))
            sources_of(data.get("filesFrom", []))
            raise
        return Response(representation.of_new(task), status=201)

    @extend_schema(
        parameters=[IF_NONE_MATCH],
        responses={200: responses.TaskWithUsage, 304: responses.NOT_MODIFIED},
    )
    def retrieve(self, request: Request, task_id: str) -> Response:
        """Get a task with the names of what it belongs to and its usage."""
        return etags.answer(request, _shown(parse_uuid(task_id)))

    @extend_schema(
        parameters=[IF_MATCH],
        request=UpdateTask,
        responses={200: responses.TaskWithUsage, 412: responses.CHANGED},
    )
    def partial_update(self, request: Request, task_id: str) -> Response:
        """Change fields; a status moves by the transition table and starts no agent."""
        pk = parse_uuid(task_id)
        data = validate_update(json_body(request))
        if "HTTP_IF_MATCH" not in request.META:
            return self._update(request, pk, data)
        with transaction.atomic():
            # Nobody changes the task between this look and the change.
            Task.objects.select_for_update().filter(pk=pk).values_list("pk").first()
            etags.check_unchanged(request, _shown(pk))
            return self._update(request, pk, data)

    def _update(self, request: Request, pk: UUID, data: JSON) -> Response:
        _check_rights(request, data)
        if {
            "status",
            "documentIds",
            "assignedAgent",
            "agentProfile",
            "projectId",
        } & data.keys():
            self._update_checked(get_task(str(pk)), data, by=actor(request))
        elif changes := changes_of(data):
            change(pk, **changes)
        return etags.with_etag(_shown(pk))

    def _update_checked(self, task: Task, data: JSON, *, by: str) -> None:
        check_references(data)
        if {"assignedAgent", "agentProfile"} & data.keys():
            check_compatible(
                data.get("assignedAgent", task.assigned_agent) or None,
                data.get("agentProfile", task.agent_profile) or None,
            )
        documents = documents_of(data["documentIds"]) if "documentIds" in data else None
        changes = changes_of(data)
        _sources(task, changes)  # refuses before anything is written
        # Each of them alone is whole by itself.
        with nullcontext() if documents is None else transaction.atomic():
            if data.get("status", task.status) != task.status:
                lifecycle.record_status(task, Status(data["status"]), by=by, **changes)
            elif changes or documents is not None:
                _write(task, changes)
            if documents is not None:
                task.documents.set(documents)

    @extend_schema(responses={200: responses.Success})
    def destroy(self, request: Request, task_id: str) -> Response:
        """Remove a task and its data; what it spent stays in the ledger."""
        lifecycle.delete(get_task(task_id))
        return Response({"success": True})

    @extend_schema(request=None, responses=STARTS)
    def execute(self, request: Request, task_id: str) -> Response:
        """Start an agent on a queued task; it runs in the background."""
        lifecycle.start_run(get_task(task_id), by=actor(request))
        return _started("Execution started")

    @extend_schema(request=None, responses=STARTS)
    def resume(self, request: Request, task_id: str) -> Response:
        """Go on with a failed or cancelled task from its last checkpoint."""
        lifecycle.resume(get_task(task_id), by=actor(request))
        return _started("Resume started")

    @extend_schema(
        request=None, responses={200: responses.Success, 400: responses.BAD_REQUEST}
    )
    def cancel(self, request: Request, task_id: str) -> Response:
        """Cancel a planned, queued or running task."""
        task = get_task(task_id)
        lifecycle.cancel(task, by=actor(request))
        response = Response({"success": True})
        # A worker confirms in milliseconds; the answer waits for that, in no thread.
        response.wait = partial(until_finished, task.pk)  # type: ignore[attr-defined]
        return response

    @extend_schema(responses={200: responses.Output})
    def output(self, request: Request, task_id: str) -> Response:
        """Get the result, what kind of text it is, what ran and why it failed if it did."""
        task = get_task(task_id)
        return Response(
            {
                "taskId": str(task.pk),
                "status": task.status,
                "result": task.result,
                "contentType": content_type_of(task.result),
                **_data_of(task),
                **representation.last_run_of(task),
            }
        )

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "Last-Event-ID",
                int,
                OpenApiParameter.HEADER,
                description="Go on after this entry.",
            ),
            OpenApiParameter("lastEventId", int, description="The same."),
            OpenApiParameter(
                "partial",
                enum=["0", "1"],
                description="1: also text that the agent has not finished, as it grows,"
                " in events named `partial` and without an id. Their `eventType` is"
                " `partial`, their `message` all of the text so far. The log keeps none.",
            ),
        ],
        responses={
            (200, "text/event-stream"): OpenApiResponse(
                LOG_EVENT, "The `data` of each message is one entry as JSON."
            ),
            204: OpenApiResponse(description="The task is finished and all was seen."),
        },
    )
    def logs(self, request: Request, task_id: str) -> HttpResponse:
        """Follow the log as server-sent events; `Last-Event-ID` goes on after that entry."""
        # A sync view for an async stream: the checks share the way of every other request,
        # the stream itself then holds neither a thread nor a connection.
        task = get_task(task_id)
        if request.method == "HEAD":
            return HttpResponse(content_type="text/event-stream")
        after = _last_event_id(request, task.log_sequence)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        if after and after >= task.log_sequence and task.is_finished:
            return HttpResponse(status=204, headers=headers)  # stops an EventSource
        response = StreamingHttpResponse(
            follow_log(
                task.pk, after, with_partial=request.query_params.get("partial") == "1"
            ),
            content_type="text/event-stream",
            headers=headers,
        )
        # What ends it, beside its own end: the server waits for both.
        ended = partial(access.watcher.until_shut_out, request._request)
        response.until_shut_out = ended  # type: ignore[attr-defined]
        return response  # type: ignore[return-value]

    @extend_schema(responses={200: Provenance})
    def provenance(self, request: Request, task_id: str) -> Response:
        """Tell where a task came from, what ran, who allowed it and what it cost."""
        return Response(provenance.of(get_task(task_id)))

    @extend_schema(responses={200: responses.Sibling(many=True)})
    def siblings(self, request: Request, task_id: str) -> Response:
        """List the other tasks of the same workflow run."""
        return Response(provenance.siblings(get_task(task_id)))


def _data_of(task: Task) -> JSON:
    """Return the result as JSON, of a task that is to have one."""
    if not task.output_schema:
        return {}
    has_data = task.status == Status.COMPLETED
    try:
        data = orjson.loads(task.result) if has_data else None
    except ValueError:  # somebody else has written it
        data = None
    return {"data": data, **({} if data is None else {"contentType": "json"})}


def _started(message: str) -> Response:
    absence = Worker.objects.absence()
    warning = {"warning": absence} if absence else {}
    return Response({"message": message, **warning}, status=202)


def _check_rights(request: Request, data: JSON) -> None:
    """Raise PermissionDenied where a task would show its agent what its author may not see."""
    if data.get("documentIds"):
        rights.require(request, rights.VIEW_DOCUMENTS)
    if data.get("filesFrom"):
        rights.require(request, rights.VIEW_TASK)


def _write(task: Task, changes: JSON) -> None:
    if not change(task.pk, sources=_sources(task, changes), **changes):
        _sources(get_task(str(task.pk)), changes)  # says what came between


def _sources(task: Task, changes: JSON) -> tuple[Status, ...]:
    """Return the statuses in which the changes may be made, none for all, or raise Refused.

    What a run costs is held, and booked, for the project that it started in.
    """
    if changes.get("project_id", task.project_id) == task.project_id:
        return ()
    if task.status == Status.RUNNING:
        raise Refused("The project of a running task cannot be changed.")
    return tuple(status for status in Status if status != Status.RUNNING)


def _filters(query: JSON) -> JSON:
    """Return what `representation.whole_list()` and `page_rows()` take of a query."""
    names = {"projectId": "project_id", "status": "status"}
    filters = {column: query[name] for name, column in names.items() if name in query}
    if "scheduleId" in query:
        filters["schedule_id"] = _uuid_or_none(query["scheduleId"])
    return filters


def _uuid_or_none(text: str) -> UUID:
    """Return what an id says; what is none becomes one that nothing has."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def _place(query: JSON) -> paging.Place | None:
    return paging.MOST_URGENT.place(query["cursor"]) if "cursor" in query else None


def _create(documents: list[Document], sources: list[UUID], **columns: Any) -> Task:
    task = Task(**columns)
    if not documents and not sources:
        Task.objects.insert(task)
        return task
    with transaction.atomic():
        Task.objects.insert(task)
        if documents:
            task.documents.set(documents)
        if sources:
            task.files_from.set(sources)  # type: ignore[arg-type]  # keys will do
        return task


def _shown(task_id: UUID) -> JSON:
    task = representation.of(task_id)
    if task is None:
        raise Http404("Task not found")
    return task


def _last_event_id(request: Request, last: int) -> int:
    """Return where the client is; what is no entry of this log counts as the start."""
    text = request.headers.get("Last-Event-ID") or request.query_params.get(
        "lastEventId", ""
    )
    after = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    return after if after <= last else 0
