"""How errors look in HTTP."""

import sys
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler as default_handler

from ledger.budgets import BudgetExceeded
from stagent.database.failures import is_full, is_unavailable
from tasks.api.unavailable import unavailable
from tasks.api.zod import Invalid
from tasks.exceptions import AlreadyDecided, Conflict, Gone, Refused

# What a view may raise, its status, and what is said where the error does not say it.
STATUSES: dict[type[Exception], tuple[int, str]] = {
    Refused: (status.HTTP_400_BAD_REQUEST, ""),
    AlreadyDecided: (status.HTTP_409_CONFLICT, ""),
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
            return _respond_budget_exceeded(error)
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


def _respond_budget_exceeded(error: BudgetExceeded) -> Response:
    response = _error(status.HTTP_429_TOO_MANY_REQUESTS, error.message)
    if error.retry_after_seconds is not None:
        response["Retry-After"] = str(error.retry_after_seconds)
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return JsonResponse({"error": f"There is nothing at {request.path}."}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    # Django calls this while it handles what was raised, by a view or by middleware.
    error = sys.exception()
    if error is not None and (is_unavailable(error) or is_full(error)):
        return unavailable(request, error)
    return JsonResponse({"error": "The server failed; its log tells why."}, status=500)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return JsonResponse({"error": "The request is malformed."}, status=400)
