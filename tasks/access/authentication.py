"""Who uses the API: everybody on loopback while no token is issued, else who can show one.

What they may do is in `tasks.access.rights`.
"""

import time
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from stagent.database.failures import is_unavailable
from tasks.access import peers
from tasks.models import ApiToken

# How what a proxy adds begins: behind one on this machine every client looks local.
FORWARDED = (
    *("HTTP_FORWARDED", "HTTP_X_FORWARDED", "HTTP_VIA", "HTTP_PROXY_", "HTTP_X_PROXY"),
    *("HTTP_X_REAL_", "HTTP_X_CLIENT_", "HTTP_CLIENT_IP", "HTTP_TRUE_CLIENT_IP"),
    *("HTTP_X_CLUSTER_", "HTTP_X_REMOTE_", "HTTP_REMOTE_", "HTTP_X_ORIGINAL_"),
    *("HTTP_X_HOST", "HTTP_X_SCHEME", "HTTP_X_URL_SCHEME", "HTTP_FRONT_END_"),
    *("HTTP_CF_", "HTTP_CDN_", "HTTP_FASTLY_", "HTTP_FLY_", "HTTP_X_AZURE_"),
    *("HTTP_X_AMZN_", "HTTP_X_AMZ_CF_", "HTTP_X_ENVOY_", "HTTP_X_VARNISH"),
    *("HTTP_X_ARR_", "HTTP_X_APPENGINE_", "HTTP_X_CLOUD_TRACE_", "HTTP_X_TS_"),
    *("HTTP_X_FORWARD_", "HTTP_AKAMAI_", "HTTP_X_AKAMAI_", "HTTP_INCAP_"),
    *("HTTP_X_SUCURI_", "HTTP_X_NGINX_", "HTTP_X_VERCEL_", "HTTP_X_TRAEFIK_"),
    *(
        "HTTP_X_SERVED_BY",
        "HTTP_ALI_",
        "HTTP_EAGLEEYE_",
        "HTTP_X_LB",
        "HTTP_X_HAPROXY_",
    ),
    *("HTTP_TAILSCALE_", "HTTP_X_NGROK_", "HTTP_X_AUTHENTIK_", "HTTP_X_AUTH_REQUEST_"),
)
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
        _note_use(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _note_use(token: ApiToken) -> None:
    # The request does not fail for it, where it reads alone and nobody can write just now.
    try:
        token.note_use(timezone.now())
    except DatabaseError as error:
        if not is_unavailable(error):
            raise


def is_open(request: HttpRequest) -> bool:
    """Tell whether this request may do without a login.

    Only on a laptop: both ends on loopback with no proxy in between, no public host name
    set, no token issued, and nobody asks who may be a process of a run.
    """
    return (
        not settings.STAGENT_REQUIRE_AUTH
        and not settings.STAGENT_HAS_PUBLIC_HOST
        and not any(name.startswith(FORWARDED) for name in request.META)
        and _is_loopback(request.META.get("REMOTE_ADDR", ""))
        and _is_loopback(request.META.get("SERVER_NAME", ""))
        and not _is_any_token_issued()
        and not _is_of_a_run(request)
    )


def _is_of_a_run(request: HttpRequest) -> bool:
    """Tell whether an agent may be asking: none answers for a person."""
    ends = (str(request.META.get(name)) for name in ("REMOTE_PORT", "SERVER_PORT"))
    port, server_port = (int(end) if end.isdecimal() else None for end in ends)
    return peers.is_of_a_run(port, server_port)


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


def _is_any_token_issued() -> bool:
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
