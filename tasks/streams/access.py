"""Ends an open stream when its reader is no longer let in.

A token may be revoked or expire, a session end, a right be taken away, or the first token
close a server that was open. What a request may is looked at once; a stream goes on for days.
"""

import asyncio
import contextvars
from copy import copy
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from tasks.access import rights
from tasks.access.authentication import TokenAuthentication
from tasks.streams.log_watcher import run_in_reader
from tasks.streams.loops import log_failure

AGAIN_SECONDS = 2.0

Login = tuple[str, str]  # the Authorization header and the session's cookie


class AccessWatcher:
    """Looks again at the logins of all open streams; at one that many share, once."""

    def __init__(self) -> None:
        self._streams: dict[Login, dict[asyncio.Event, HttpRequest]] = {}
        self._watching: asyncio.Task[None] | None = None

    async def wait_until_shut_out(self, request: HttpRequest) -> None:
        """Wait until `request`, which was let in, would not be let in any more."""
        login, shut_out = _find_login(request), asyncio.Event()
        self._streams.setdefault(login, {})[shut_out] = request
        if self._watching is None or self._watching.done():
            # A context of its own: it outlives the request that starts it.
            self._watching = asyncio.get_running_loop().create_task(
                self._watch(), context=contextvars.Context()
            )
        try:
            await shut_out.wait()
        finally:
            del self._streams[login][shut_out]
            if not self._streams[login]:
                del self._streams[login]

    async def _watch(self) -> None:
        while self._streams:
            await asyncio.sleep(AGAIN_SECONDS)
            for streams in list(self._streams.values()):
                if streams and not await self._is_let_in(next(iter(streams.values()))):
                    for shut_out in streams:
                        shut_out.set()

    async def _is_let_in(self, request: HttpRequest) -> bool:
        try:
            return await run_in_reader(is_let_in, request)
        except Exception as error:  # noqa: BLE001  it is tried again, and goes on for the others
            log_failure("look at the login of a stream", error)
            return True


def is_let_in(request: HttpRequest) -> bool:
    """Tell whether a request that came some time ago would be let in now."""
    again: Any = copy(request)
    authenticators: list[Any] = [TokenAuthentication()]
    if session := getattr(request, "session", None):
        again.session = type(session)(session.session_key)
        again.user = get_user(again)
        authenticators.append(SessionAuthentication())
    try:
        rights.check(Request(again, authenticators=authenticators))
    except APIException:
        return False
    return True


def _find_login(request: HttpRequest) -> Login:
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return request.META.get("HTTP_AUTHORIZATION", ""), cookie


watcher = AccessWatcher()
