"""Who uses the API: everybody on loopback while no token is issued, else who can show one.

What they may do is in `tasks.rights`.
"""

import time
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tasks.models import ApiToken

# What a proxy on this machine adds: behind it every client looks local.
FORWARDED = {"HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP"}
MAX_ACTOR_LENGTH = 150  # of the columns that keep it
HOW = "Send “Authorization: Bearer TOKEN”; `manage.py issuetoken` makes a token."


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer stagent_…`"""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        scheme, _, text = header.partition(" ")
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


def is_open(request: HttpRequest) -> bool:
    """Tell whether this request may do without a login.

    Only on a laptop: both ends on loopback, no public host name set, no token issued.
    """
    return (
        not settings.STAGENT_REQUIRE_AUTH
        and not settings.STAGENT_HAS_PUBLIC_HOST
        and not FORWARDED & request.META.keys()
        and _is_loopback(request.META.get("REMOTE_ADDR", ""))
        and _is_loopback(request.META.get("SERVER_NAME", ""))
        and not _any_token_issued()
    )


@lru_cache(maxsize=256)
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
        _any_issued = ApiToken.objects.exists()
        _checked_at = now
    return _any_issued


def forget_open() -> None:
    """Look again at the next request."""
    global _checked_at
    _checked_at = 0.0


def actor(request: Request) -> str:
    """Name who acts, for logs and provenance."""
    if not (request.user and request.user.is_authenticated):
        return "api"
    name = str(request.user.get_username())
    if isinstance(request.auth, ApiToken) and request.auth.name != name:
        name = f"{name} ({request.auth.name})"
    return name[:MAX_ACTOR_LENGTH]
