"""/api/tasks/{id}: the verbs that start and stop agents, the result, and the log."""

from functools import partial

import orjson
from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from tasks import lifecycle
from tasks.access.authentication import actor
from tasks.api import responses
from tasks.api.content_type import content_type_of
from tasks.api.json import Response
from tasks.api.representation.tasks import represent_last_run
from tasks.api.responses.log import LOG_EVENT
from tasks.api.views.base import ApiViewSet
from tasks.api.views.lookups import get_task
from tasks.api.views.tasks import JSON
from tasks.models import Task, Worker
from tasks.streams import access
from tasks.streams.log_stream import follow_log, wait_until_finished

STARTS = {
    202: responses.Started,
    400: responses.BAD_REQUEST,
    429: responses.BUDGET_EXCEEDED,
}


class TaskRunViewSet(ApiViewSet):
    """A task's runs: started, stopped, followed, and their result."""

    @extend_schema(request=None, responses=STARTS)
    def execute(self, request: Request, task_id: str) -> Response:
        """Start an agent on a queued task; it runs in the background."""
        lifecycle.start_run(get_task(task_id), by=actor(request))
        return _accept("Execution started")

    @extend_schema(request=None, responses=STARTS)
    def resume(self, request: Request, task_id: str) -> Response:
        """Go on with a failed or cancelled task from its last checkpoint."""
        lifecycle.resume(get_task(task_id), by=actor(request))
        return _accept("Resume started")

    @extend_schema(
        request=None, responses={200: responses.Success, 400: responses.BAD_REQUEST}
    )
    def cancel(self, request: Request, task_id: str) -> Response:
        """Cancel a planned, queued or running task."""
        task = get_task(task_id)
        lifecycle.cancel(task, by=actor(request))
        response = Response({"success": True})
        # A worker confirms in milliseconds; the answer waits for that, in no thread.
        response.wait = partial(wait_until_finished, task.pk)  # type: ignore[attr-defined]
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
                **_represent_data(task),
                **represent_last_run(task),
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
        ended = partial(access.watcher.wait_until_shut_out, request._request)
        response.wait_until_shut_out = ended  # type: ignore[attr-defined]
        return response  # type: ignore[return-value]


def _represent_data(task: Task) -> JSON:
    """Return the result as JSON, of a task that is to have one."""
    if not task.output_schema:
        return {}
    has_data = task.status == Task.Status.COMPLETED
    try:
        data = orjson.loads(task.result) if has_data else None
    except ValueError:  # somebody else has written it
        data = None
    return {"data": data, **({} if data is None else {"contentType": "json"})}


def _accept(message: str) -> Response:
    absence = Worker.objects.absence()
    warning = {"warning": absence} if absence else {}
    return Response({"message": message, **warning}, status=202)


def _last_event_id(request: Request, last: int) -> int:
    """Return where the client is; what is no entry of this log counts as the start."""
    text = request.headers.get("Last-Event-ID") or request.query_params.get(
        "lastEventId", ""
    )
    after = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    return after if after <= last else 0
