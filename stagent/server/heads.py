"""Looks at the head of a request before its body is read: is it let in at all?

A body that is more than a few kilobytes is read, and stored, only from who is: by the Host and
Origin, by their login, and for the API by the right that the route needs.
"""

from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import resolve
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from tasks.access import rights
from tasks.access.authentication import TokenAuthentication

IS_LET_IN = 204


class HeadHandler(BaseHandler):
    """All of the middleware around a look at the head, instead of around the view."""

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware()

    def refusal(self, request: ASGIRequest) -> HttpResponse | None:
        """Return what is answered to a request whose body is not worth reading."""
        response: Any = self.get_response(request)
        return None if response.status_code == IS_LET_IN else response

    def _get_response(self, request: HttpRequest) -> HttpResponse:
        route = request.resolver_match = resolve(request.path_info)
        if not request.path_info.startswith("/api/"):
            return _look_at_staff(request)
        authenticators = [TokenAuthentication(), _Session()]
        methods = rights.RIGHTS.get(route.url_name or "", {})
        try:
            rights.check(
                Request(request, authenticators=authenticators),
                is_of_route=request.method in methods,
            )
        except APIException as error:
            return _refuse(str(error.detail), error.status_code)
        return HttpResponse(status=IS_LET_IN)


class _Session(SessionAuthentication):
    def enforce_csrf(self, request: Request) -> None:
        """Leave it to the view: the token may be in the body."""


def _look_at_staff(request: Any) -> HttpResponse:
    if request.user.is_active and request.user.is_staff:
        return HttpResponse(status=IS_LET_IN)
    return _refuse("This needs a login to the admin.", 401)


def _refuse(message: str, status: int) -> HttpResponse:
    response = JsonResponse({"error": message}, status=status)
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response
