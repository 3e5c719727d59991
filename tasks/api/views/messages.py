"""/api/tasks/{id}/messages: what people say to a task's agent."""

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from tasks.access import rights
from tasks.access.authentication import actor
from tasks.api import paging, responses
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.representation.messages import represent_message, represent_sent
from tasks.api.requests.fields import ListQuery
from tasks.api.requests.messages import SendMessage
from tasks.api.responses.messages import Message, SentMessage
from tasks.api.views.base import ApiViewSet
from tasks.api.views.lookups import get_task
from tasks.api.views.task_bodies import find_documents
from tasks.lifecycle import messages
from tasks.models import Message as Row
from tasks.models import Worker

JSON = dict[str, Any]

validate_send = SendMessage.validator()


class MessageViewSet(ApiViewSet):
    """What people say to a task's agent."""

    list_query = ListQuery.reader()
    serializer_class = SendMessage

    @extend_schema(
        parameters=[ListQuery, responses.LINK],
        responses={200: Message(many=True)},
    )
    def list(
        self, request: Request, task_id: str
    ) -> HttpResponse | StreamingHttpResponse:
        """List what was said to the task's agent, in its order."""
        query = self.list_query(request.query_params)
        said = Row.objects.filter(task=get_task(task_id))
        return paging.respond(
            request, query, said, paging.BY_SEQUENCE, represent_message
        )

    @extend_schema(
        request=SendMessage,
        responses={
            201: SentMessage,
            400: responses.BAD_REQUEST,
            429: responses.BUDGET_EXCEEDED,
        },
    )
    def create(self, request: Request, task_id: str) -> Response:
        """Tell the agent something, while it works or after.

        A running agent gets it at its next step, a task that has not started with its start.
        A finished task goes on with it: a new run in the same session.
        """
        task = get_task(task_id)
        data = validate_send(json_body(request))
        if document_ids := data.get("documentIds"):
            rights.require(request, rights.VIEW_DOCUMENTS)
            document_ids = [document.pk for document in find_documents(document_ids)]
        message, run = messages.send(
            task, data["text"], by=actor(request), document_ids=document_ids or ()
        )
        response = represent_sent(message, run)
        if run and (absence := Worker.objects.absence()):
            response["warning"] = absence
        return Response(response, status=201)
