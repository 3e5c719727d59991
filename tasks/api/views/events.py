"""GET /api/events: what happens to all tasks, or to those of a project, as it happens."""

from functools import partial

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from tasks.access import rights
from tasks.api.requests.events import EventsQuery
from tasks.api.responses.events import STREAMED_EVENT
from tasks.api.views.base import ApiView
from tasks.api.views.lookups import get_project
from tasks.models.outbox import BUDGET_TYPES
from tasks.streams import access
from tasks.streams.event_stream import Selection, follow_events, last_sequence


class EventsView(ApiView):
    """Status changes, requests to people and notes on budgets, of all tasks."""

    list_query = EventsQuery.reader()

    @extend_schema(
        parameters=[
            EventsQuery,
            OpenApiParameter(
                "Last-Event-ID",
                int,
                OpenApiParameter.HEADER,
                description="Go on after this event.",
            ),
        ],
        responses={
            (200, "text/event-stream"): OpenApiResponse(
                STREAMED_EVENT, "The `data` of each message is one event as JSON."
            )
        },
    )
    def get(self, request: Request) -> HttpResponse:
        """Follow what happens to all tasks as server-sent events; `Last-Event-ID` resumes.

        Notes on budgets need the right to view budgets.
        """
        query = self.list_query(request.query_params)
        if "projectId" in query:
            get_project(query["projectId"])
        if request.method == "HEAD":
            return HttpResponse(content_type="text/event-stream")
        may_view_budgets = rights.has(request, rights.VIEW_BUDGETS)
        selection = Selection(
            project_id=query.get("projectId"),
            hidden_types=() if may_view_budgets else BUDGET_TYPES,
        )
        response = StreamingHttpResponse(
            follow_events(selection, _find_place(request, query.get("lastEventId"))),
            content_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        ended = partial(access.watcher.wait_until_shut_out, request._request)
        response.wait_until_shut_out = ended  # type: ignore[attr-defined]
        return response  # type: ignore[return-value]


def _find_place(request: Request, named: str | None) -> int:
    """Return the number that the client has seen; what is no number of ours is the last one."""
    last = last_sequence()
    text = request.headers.get("Last-Event-ID") or named or ""
    is_number = text.isascii() and text.isdigit() and len(text) < 19
    return min(int(text), last) if is_number else last
