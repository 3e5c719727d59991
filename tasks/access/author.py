"""Who a request is of, for the audit."""

from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request

from tasks.access.client_address import client_address
from tasks.audit import Author
from tasks.models import ApiToken, Way


def author_of_call(request: Request) -> Author:
    """Name who uses the API: by a token, by a session, or without either where it is open."""
    token = request.auth if isinstance(request.auth, ApiToken) else None
    return Author(
        way=Way.API,
        token_name=token.name if token else "",
        token_prefix=token.prefix if token else "",
        **_from(request._request, request.user),
    )


def author_of_page(request: HttpRequest) -> Author:
    """Name who uses the admin."""
    return Author(way=Way.ADMIN, **_from(request, request.user))


def _from(request: HttpRequest, user: Any) -> dict[str, Any]:
    is_known = bool(user and user.is_authenticated)
    return {
        "name": user.get_username() if is_known else "",
        "user_id": user.pk if is_known else None,
        "address": client_address(request),
    }
