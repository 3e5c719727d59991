"""/api/tasks: create, read, change and delete."""

import json
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from tasks import audit, lifecycle
from tasks.access import rights
from tasks.access.authentication import actor
from tasks.access.author import author_of_call
from tasks.api import etags, paging, responses
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.representation import provenance
from tasks.api.representation.task_list import page_rows, whole_list
from tasks.api.representation.tasks import represent_new_task, represent_task
from tasks.api.requests.tasks import CreateTask, TaskListQuery, UpdateTask
from tasks.api.responses.provenance import Provenance
from tasks.api.views.base import ApiViewSet
from tasks.api.views.lookups import get_task, parse_uuid
from tasks.api.views.task_bodies import (
    check_compatible,
    check_model,
    check_references,
    find_documents,
    find_sources,
    read_changes,
)
from tasks.api.views.task_queries import read_filters
from tasks.api.whole_lists import AnyResponse
from tasks.exceptions import Refused
from tasks.models import AuditEntry, Document, Task
from tasks.models.tag import add_tags, replace_tags
from tasks.models.task import NO_TAGS
from tasks.models.task_updates import change

JSON = dict[str, Any]

validate_create = CreateTask.validator()

validate_update = UpdateTask.validator()

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


class TaskViewSet(ApiViewSet):
    """Tasks, and where each came from."""

    serializer_class = CreateTask
    list_query = TaskListQuery.reader()
    records_itself = frozenset({"POST", "PATCH"})  # in the statements of the writes

    @extend_schema(
        parameters=[TaskListQuery, responses.LINK],
        responses={200: responses.Task(many=True)},
    )
    def list(self, request: Request) -> AnyResponse:
        """List tasks, the most urgent and then the newest first."""
        query = self.list_query(request.query_params)
        filters, limit = read_filters(query), paging.read_limit(query)
        if limit is None:
            return whole_list(filters).respond()
        rows = page_rows(limit + 1, filters, after=_place(query))
        return paging.page(request, paging.MOST_URGENT, rows, limit, itemgetter(0))

    @extend_schema(request=CreateTask, responses={201: responses.Task})
    def create(self, request: Request) -> Response:
        """Create a task. It starts as planned."""
        data = validate_create(json_body(request))
        _check_rights(request, data)
        check_references(data)
        check_compatible(data.get("assignedAgent"), data.get("agentProfile"))
        check_model(
            data.get("assignedAgent"),
            model=data.get("model"),
            effort=data.get("effort"),
        )
        documents = find_documents(data.get("documentIds", []))
        sources = find_sources(data["filesFrom"]) if "filesFrom" in data else []
        columns = read_changes(data) | {"created_by": actor(request)}
        try:
            task = _create(request, documents, sources, **columns)
        except IntegrityError:
            # What it refers to was there when it was checked; say which is gone.
            check_references(data)
            find_documents(data.get("documentIds", []))
            find_sources(data.get("filesFrom", []))
            raise
        return Response(represent_new_task(task), status=201)

    @extend_schema(
        parameters=[IF_NONE_MATCH],
        responses={200: responses.TaskWithUsage, 304: responses.NOT_MODIFIED},
    )
    def retrieve(self, request: Request, task_id: str) -> Response:
        """Get a task with the names of what it belongs to and its usage."""
        return etags.respond(request, _represent(parse_uuid(task_id)))

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
            etags.check_unchanged(request, _represent(pk))
            return self._update(request, pk, data)

    def _update(self, request: Request, pk: UUID, data: JSON) -> Response:
        _check_rights(request, data)
        if {
            "status",
            "documentIds",
            "filesFrom",
            "assignedAgent",
            "agentProfile",
            "projectId",
            "tags",
            "model",
            "effort",
        } & data.keys():
            self._update_checked(request, get_task(str(pk)), data)
        elif changes := read_changes(data):
            entry = audit.changes_of_task(
                author_of_call(request),
                "change",
                pk,
                columns=changes,
                after=audit.masked(changes),
            )
            with audit.one_write():
                change(pk, beside=[entry], **changes)
        return etags.add_etag(_represent(pk))

    def _update_checked(self, request: Request, task: Task, data: JSON) -> None:
        check_references(data)
        _check_agent(task, data)
        documents = (
            find_documents(data["documentIds"]) if "documentIds" in data else None
        )
        sources = (
            find_sources(data["filesFrom"], task=task) if "filesFrom" in data else None
        )
        changes = read_changes(data)
        tags = changes.pop("tags", None)
        _sources(task, changes)  # refuses before anything is written
        entry = _describe_change(request, task, data, changes)
        by = actor(request)
        with transaction.atomic():
            if data.get("status", task.status) != task.status:
                lifecycle.record_status(
                    task, Task.Status(data["status"]), by=by, **changes
                )
            elif changes or documents is not None or sources is not None:
                _write(task, changes)
            if documents is not None:
                task.documents.set(documents)
            if sources is not None:
                task.files_from.set(sources)  # type: ignore[arg-type]  # keys will do
            if tags is not None:
                replace_tags(task.pk, tags)
            if entry.after:
                AuditEntry.objects.insert(entry)

    @extend_schema(responses={200: responses.Success})
    def destroy(self, request: Request, task_id: str) -> Response:
        """Remove a task and its data; what it spent stays in the ledger."""
        lifecycle.delete(get_task(task_id))
        return Response({"success": True})

    @extend_schema(responses={200: Provenance})
    def provenance(self, request: Request, task_id: str) -> Response:
        """Tell where a task came from, what ran, who allowed it and what it cost."""
        return Response(provenance.represent_provenance(get_task(task_id)))

    @extend_schema(responses={200: responses.Sibling(many=True)})
    def siblings(self, request: Request, task_id: str) -> Response:
        """List the other tasks of the same workflow run."""
        return Response(provenance.list_siblings(get_task(task_id)))


def _check_rights(request: Request, data: JSON) -> None:
    """Raise PermissionDenied where a task would show its agent what its author may not see."""
    if data.get("documentIds"):
        rights.require(request, rights.VIEW_DOCUMENTS)
    if data.get("filesFrom"):
        rights.require(request, rights.VIEW_TASK)


def _check_agent(task: Task, data: JSON) -> None:
    """Raise Invalid where the task, once changed, is no task for its agent."""
    if {"assignedAgent", "agentProfile"} & data.keys():
        check_compatible(
            data.get("assignedAgent", task.assigned_agent) or None,
            data.get("agentProfile", task.agent_profile) or None,
        )
    if {"assignedAgent", "model", "effort"} & data.keys():
        check_model(
            data.get("assignedAgent", task.assigned_agent),
            model=data.get("model", task.model),
            effort=data.get("effort", task.effort),
        )


def _describe_change(
    request: Request, task: Task, data: JSON, changes: JSON
) -> AuditEntry:
    """Make the entry of the audit: what is named and differs, as it was and as it is to be."""
    named = {name: data[name] for name in ("status", "tags") if name in data}
    old = audit.snapshot(task, changes | named)
    if "tags" in named:
        old["tags"] = json.loads(task.tags)
    before, after = audit.differences(old, audit.masked(changes | named))
    if "documentIds" in data:
        after["documents"] = audit.masked(data["documentIds"])
    if "filesFrom" in data:
        after["files_from"] = audit.masked(data["filesFrom"])
    author = author_of_call(request)
    return audit.make_entry(author, "change", task, before=before, after=after)


def _write(task: Task, changes: JSON) -> None:
    if not change(task.pk, sources=_sources(task, changes), **changes):
        _sources(get_task(str(task.pk)), changes)  # says what came between


def _sources(task: Task, changes: JSON) -> tuple[Task.Status, ...]:
    """Return the statuses in which the changes may be made, none for all, or raise Refused.

    What a run costs is held, and booked, for the project that it started in.
    """
    if changes.get("project_id", task.project_id) == task.project_id:
        return ()
    if task.status == Task.Status.RUNNING:
        raise Refused("The project of a running task cannot be changed.")
    return tuple(status for status in Task.Status if status != Task.Status.RUNNING)


def _place(query: JSON) -> paging.Place | None:
    return paging.MOST_URGENT.place(query["cursor"]) if "cursor" in query else None


def _create(
    request: Request, documents: list[Document], sources: list[UUID], **columns: Any
) -> Task:
    task = Task(**columns)
    after = audit.masked(columns)
    entry = audit.make_entry(author_of_call(request), "create", task, after=after)
    if not documents and not sources and task.tags == NO_TAGS:
        with audit.one_write():
            Task.objects.insert(task, beside=[audit.insert_of(entry)])
        return task
    with transaction.atomic():
        Task.objects.insert(task, beside=[audit.insert_of(entry)])
        add_tags(task)
        if documents:
            task.documents.set(documents)
        if sources:
            task.files_from.set(sources)  # type: ignore[arg-type]  # keys will do
        return task


def _represent(task_id: UUID) -> JSON:
    task = represent_task(task_id)
    if task is None:
        raise Http404("Task not found")
    return task
