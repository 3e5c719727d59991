"""How JSON comes in and goes out, and how errors look in HTTP."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import IO, Any, NoReturn

import orjson
from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions, status
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler as default_handler

from ledger.budgets import BudgetExceeded
from stagent.database.failures import is_unavailable
from tasks.api.unavailable import unavailable
from tasks.api.zod import Invalid
from tasks.exceptions import AlreadyAnswered, Conflict, Gone, Refused


class JSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else orjson.dumps(data)


class JSONParser(BaseParser):
    """Strict JSON, as JSON.parse reads it. An empty body is no value."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            text = stream.read().decode("utf-8")
            return _decode(text)
        except (ValueError, RecursionError) as error:
            raise Invalid.form(f"The body is not valid JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int | float:
    # As JavaScript does: what is too long for an integer is a double, if need be infinite.
    return int(digits) if len(digits) < 19 else float(digits)


_decode = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_integer).decode


class OneRenderer(BaseContentNegotiation):
    """The first parser that takes the body's type; always the first renderer."""

    def select_parser(
        self, request: Request, parsers: Iterable[BaseParser]
    ) -> BaseParser | None:
        content_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((p for p in parsers if p.media_type == content_type), None)

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type or ""


# What a view may raise, its status, and what is said where the error does not say it.
STATUSES: dict[type[Exception], tuple[int, str]] = {
    Refused: (status.HTTP_400_BAD_REQUEST, ""),
    AlreadyAnswered: (status.HTTP_409_CONFLICT, ""),
    Gone: (status.HTTP_410_GONE, ""),
    RequestDataTooBig: (
        status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
        "The body is too large.",
    ),
    # It was there when the view looked.
    ObjectDoesNotExist: (status.HTTP_404_NOT_FOUND, "Not found"),
}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Zod's flattened form for validation, `{"error": "text"}` for all else."""
    for kind, (code, message) in STATUSES.items():
        if isinstance(error, kind):
            return _error(code, message or str(error))
    match error:
        case Invalid():
            return Response(
                {"error": error.flattened}, status=status.HTTP_400_BAD_REQUEST
            )
        case Conflict():
            body = {"error": str(error), "status": error.status}
            return Response(body, status=status.HTTP_409_CONFLICT)
        case BudgetExceeded():
            return _budget_exceeded(error)
        case Http404():
            error = exceptions.NotFound(str(error) or "Not found")
    response = default_handler(error, context)
    if response is not None:
        response.data = {"error": _text(response.data)}
    return response


def _text(data: Any) -> str:
    detail = data.get("detail", data) if isinstance(data, dict) else data
    return str(detail[0]) if isinstance(detail, list) and detail else str(detail)


def _error(code: int, message: str, **headers: str) -> Response:
    return Response({"error": message}, status=code, headers=headers)


def _budget_exceeded(error: BudgetExceeded) -> Response:
    response = _error(status.HTTP_429_TOO_MANY_REQUESTS, error.message)
    if error.retry_after_seconds is not None:
        response["Retry-After"] = str(error.retry_after_seconds)
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return JsonResponse({"error": f"There is nothing at {request.path}."}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    # Django calls this while it handles what was raised, by a view or by middleware.
    error = sys.exception()
    if error is not None and is_unavailable(error):
        return unavailable(request, error)
    return JsonResponse({"error": "The server failed; its log tells why."}, status=500)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return JsonResponse({"error": "The request is malformed."}, status=400)
