"""POST /api/tasks/assist: ask a model how a task is best described and done."""

from functools import partial
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from tasks import assist
from tasks.access import rights
from tasks.access.authentication import actor
from tasks.api import responses
from tasks.api.assist_bodies import Assist, AssistAnswer
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.zod import Invalid
from tasks.assist.answer import NotAnswered, TooLate, answer_of, give_up
from tasks.lifecycle import cancel
from tasks.models import Task, Worker
from tasks.models.task import fetch
from tasks.streams.log_stream import until_finished

JSON = dict[str, Any]

RETRY_SECONDS = 5  # for a worker to start

validate = Assist.validator()


class AssistView(APIView):
    @extend_schema(
        request=Assist,
        responses={
            200: AssistAnswer,
            400: responses.BAD_REQUEST,
            429: responses.BUDGET_EXCEEDED,
            502: OpenApiResponse(responses.Error, "The model gave no usable answer."),
            503: OpenApiResponse(responses.Error, "No worker is there to ask it."),
            504: OpenApiResponse(responses.Error, "It took too long, and is stopped."),
        },
    )
    def post(self, request: Request) -> Response:
        """Ask a model how a task is best described and done.

        It answers with steps, and with the workflow that they make, for /api/workflows/from-assist.
        To ask needs the right to change tasks, too. Nothing is kept but the question, its answer and
        what it cost, under `assistId`. A client that goes away stops it.
        """
        data = validate(json_body(request))
        title, description = data.get("title", ""), data.get("description", "")
        if not f"{title}{description}".strip():
            raise Invalid.form("Provide at least a title or description")
        rights.require(request, rights.CHANGE_TASK)
        if absence := Worker.objects.absence():
            headers = {"Retry-After": str(RETRY_SECONDS)}
            return Response({"error": absence}, status=503, headers=headers)
        task = assist.ask(
            title=title.strip(),
            description=description,
            runtime=data.get("assignedAgent", ""),
            by=actor(request),
        )
        return _awaited(task, by=actor(request))


def _awaited(task: Task, *, by: str) -> Response:
    """Return the response that the answer is written into when it is there."""
    response = Response({"assistId": str(task.pk)}, status=202)
    seconds = settings.STAGENT_ASSIST_SECONDS
    response.wait = partial(until_finished, task.pk, seconds=seconds)  # type: ignore[attr-defined]
    response.settle = partial(_settle, response, task.pk, seconds)  # type: ignore[attr-defined]
    response.abandon = partial(_abandon, task.pk, by)  # type: ignore[attr-defined]
    return response


def _settle(response: Response, task_id: UUID, seconds: float) -> None:
    status, body = _told(task_id, seconds)
    response.status_code = status
    response.content = orjson.dumps(body)


def _told(task_id: UUID, seconds: float) -> tuple[int, JSON]:
    task = fetch(task_id)
    try:
        if task is None:
            raise NotAnswered("The assist was deleted.")
        if not task.is_finished:
            give_up(task, seconds)
        return 200, answer_of(task)
    except TooLate as error:
        return 504, {"error": str(error), "assistId": str(task_id)}
    except NotAnswered as error:
        return 502, {"error": str(error), "assistId": str(task_id)}


def _abandon(task_id: UUID, by: str) -> None:
    if (task := fetch(task_id)) and not task.is_finished:
        cancel(task, by=f"{by}, who did not wait")
