"""POST /api/tasks/assist: ask a model how a task is best described and done."""

from functools import partial
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from tasks import assist
from tasks.access import rights
from tasks.access.authentication import actor
from tasks.api import responses
from tasks.api.bodies import json_body
from tasks.api.idempotency import REPLAYED
from tasks.api.json import Response
from tasks.api.requests.assist import Assist
from tasks.api.responses.assist import AssistAnswer
from tasks.api.views.base import ApiView
from tasks.api.zod import Invalid
from tasks.assist.answer import NotAnswered, TooLate, give_up, read_answer
from tasks.lifecycle import cancel
from tasks.models import Worker
from tasks.models.task_updates import fetch
from tasks.streams.log_stream import wait_until_finished

JSON = dict[str, Any]

NOBODY_ASKS = (
    "No worker is running that could ask a model. Start one with `manage.py serve` (web and"
    " worker) or `manage.py runagents`, and ask again."
)
RETRY_SECONDS = 5  # for a worker to start

validate = Assist.validator()


class AssistView(ApiView):
    """Asks a model how a task should be done."""

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
        if Worker.objects.absence():
            headers = {"Retry-After": str(RETRY_SECONDS)}
            return Response({"error": NOBODY_ASKS}, status=503, headers=headers)
        task = assist.ask(
            title=title.strip(),
            description=description,
            runtime=data.get("assignedAgent", ""),
            by=actor(request),
        )
        return Response({"assistId": str(task.pk)}, status=202)

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Have the answer written into the response when it is there; into a repeated one, too."""
        final: Any = super().finalize_response(request, response, *args, **kwargs)
        if final.status_code != 202:
            return final
        task_id = UUID(orjson.loads(final.content)["assistId"])
        seconds = settings.STAGENT_ASSIST_SECONDS
        final.wait = partial(wait_until_finished, task_id, seconds=seconds)
        final.settle = partial(_settle, final, task_id, seconds)
        if REPLAYED not in final:  # else another request waits for it, too
            final.abandon = partial(_abandon, task_id, actor(request))
        return final


def _settle(response: HttpResponse, task_id: UUID, seconds: float) -> None:
    status, body = _read_answer(task_id, seconds)
    response.status_code = status
    response.content = orjson.dumps(body)


def _read_answer(task_id: UUID, seconds: float) -> tuple[int, JSON]:
    task = fetch(task_id)
    try:
        if task is None:
            raise NotAnswered("The assist was deleted.")
        if not task.is_finished:
            give_up(task, seconds)
        return 200, read_answer(task)
    except TooLate as error:
        return 504, {"error": str(error), "assistId": str(task_id)}
    except NotAnswered as error:
        return 502, {"error": str(error), "assistId": str(task_id)}


def _abandon(task_id: UUID, by: str) -> None:
    if (task := fetch(task_id)) and not task.is_finished:
        cancel(task, by=f"{by}, who did not wait")
