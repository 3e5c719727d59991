"""Who may use the API: everybody on loopback while no token is issued, else who can show one."""

import time
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tasks.models import ApiToken

HOW = "Send “Authorization: Bearer TOKEN”; `manage.py issuetoken` makes a token."


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer stagent_…`"""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = ApiToken.objects.select_related("user").matching(text.strip()).first()
        if token is None:
            raise AuthenticationFailed(
                "The token is unknown, expired or its user inactive."
            )
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class IsOpenOrAuthenticated(BasePermission):
    message = f"This server needs a login. {HOW}"

    def has_permission(self, request: Request, view: object) -> bool:
        return bool(request.user and request.user.is_authenticated) or is_open(
            request._request
        )


def is_open(request: HttpRequest) -> bool:
    """Tell whether this request may do without a login.

    Only on a laptop: both ends on loopback, no public host name set, no token issued.
    """
    return (
        not settings.STAGENT_REQUIRE_AUTH
        and not settings.STAGENT_HAS_PUBLIC_HOST
        and _is_loopback(request.META.get("REMOTE_ADDR", ""))
        and _is_loopback(request.META.get("SERVER_NAME", ""))
        and not _any_token_issued()
    )


def _is_loopback(address: str) -> bool:
    if address in {"", "localhost", "testserver"}:  # a Unix socket, a test client
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


_checked_at = 0.0
_any_issued = False


def _any_token_issued() -> bool:
    # Looked up once a second at most: this is on the path of every request.
    global _checked_at, _any_issued
    now = time.monotonic()
    if now - _checked_at > 1:
        _any_issued = ApiToken.objects.usable().exists()
        _checked_at = now
    return _any_issued


def forget_open() -> None:
    """Look again at the next request."""
    global _checked_at
    _checked_at = 0.0


def actor(request: Request) -> str:
    """Name who acts, for logs and provenance."""
    if isinstance(request.auth, ApiToken):
        return f"{request.user.get_username()} ({request.auth.name})"
    if request.user and request.user.is_authenticated:
        return str(request.user.get_username())
    return "api"
