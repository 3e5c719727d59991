"""`/health/live` and `/health/ready`: asked every few seconds, by what starts and balances servers.

They are answered before the middleware, without a login, and tell no secret: a state and, where
something is amiss, a fixed sentence for each check. What was checked holds for a second, and who
asks meanwhile waits for the same check, so any number of requests costs one.
"""

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.http import HttpResponse, JsonResponse
from django.http.request import split_domain_port, validate_host

from stagent.database import persistent_connections, schema
from stagent.database.threads import Threads
from stagent.server.asgi_types import Message
from tasks import pubsub
from tasks.models import Worker

log = logging.getLogger(__name__)

LIVE, READY = "/health/live", "/health/ready"
PATHS = {LIVE, READY}
PATIENCE_SECONDS = 2.0
KEPT_SECONDS = 1.0
MEGABYTE = 2**20

AWAY = "It does not answer."
READ_ONLY = "It takes no changes: it is read-only."
LACKS_MIGRATIONS = "It lacks migrations of this version: run `manage.py migrate`."
NO_WORKER = "No worker is at work: start `manage.py runagents`."
DISK_FULL = "The disk of STAGENT_HOME is nearly full."
NO_LAYER = "Messages between processes do not arrive: look at REDIS_URL."
UNKNOWN = "The database does not answer."

States = dict[str, str]  # check -> what is amiss, or ""


class Health:
    """Answers for one process."""

    def __init__(self) -> None:
        # Its own: a check is not to wait for requests, nor they for a check that hangs.
        self._threads = Threads(1, "health")
        self._states: States = {}
        self._checked_at = float("-inf")
        self._checking: asyncio.Task[None] | None = None
        self._reading: asyncio.Future[States] | None = None

    async def response(self, scope: Message) -> HttpResponse:
        if scope["method"] not in {"GET", "HEAD"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        if scope["path"] == LIVE:
            return _answer({"status": "live"}, 200)
        states = await self._fresh_states()
        is_ready = not any(states.values())
        body: dict[str, Any] = {"status": "ready" if is_ready else "not ready"}
        if _is_for_us(scope):
            body["checks"] = {name: _represent(amiss) for name, amiss in states.items()}
        return _answer(body, 200 if is_ready else 503)

    async def _fresh_states(self) -> States:
        if time.monotonic() - self._checked_at > KEPT_SECONDS:
            if self._checking is None:
                self._checking = asyncio.create_task(self._check())
            await asyncio.shield(self._checking)
        return self._states

    async def _check(self) -> None:
        try:
            rows, layer = await asyncio.gather(
                _in_time(self._read_rows()),
                _in_time(pubsub.reach_layer()),
            )
            before, self._states = (
                self._states,
                {
                    **(
                        rows
                        or {"database": AWAY, "migrations": UNKNOWN, "worker": UNKNOWN}
                    ),
                    "disk": _look_at_disk(),
                    "channelLayer": "" if layer else NO_LAYER,
                },
            )
            self._checked_at = time.monotonic()
            _log_changes(before, self._states)
        finally:
            self._checking = None

    def _read_rows(self) -> Awaitable[States]:
        """Read them, or go on waiting for who reads: a database that hangs holds one thread."""
        if self._reading is None or self._reading.done():
            self._reading = self._threads.run(
                persistent_connections.call, _look_at_rows
            )
        return asyncio.shield(self._reading)


async def _in_time(asking: Awaitable[Any]) -> Any:
    """Return what is answered in time; None where nothing is."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await asking
    except (TimeoutError, OSError, Error):
        return None


def _look_at_rows() -> States:
    lacks_migrations = schema.lacks_migrations()
    if lacks_migrations:
        return {"database": "", "migrations": LACKS_MIGRATIONS, "worker": UNKNOWN}
    is_absent = not Worker.objects.at_work().exists()
    return {
        "database": READ_ONLY if _is_read_only() else "",
        "migrations": "",
        "worker": NO_WORKER if is_absent else "",
    }


def _is_read_only() -> bool:
    """Tell whether PostgreSQL is a standby, or was set to take no changes."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        return bool(cursor.fetchone()[0] == "on")


def _look_at_disk() -> str:
    try:
        free = shutil.disk_usage(settings.STAGENT_HOME).free
    except OSError:
        return "STAGENT_HOME cannot be reached."
    return DISK_FULL if free < settings.STAGENT_MIN_FREE_DISK_MB * MEGABYTE else ""


def _is_for_us(scope: Message) -> bool:
    """Whether the Host is ours: a web page that has another name lead here learns no details."""
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    domain, _ = split_domain_port(host)
    return bool(domain and validate_host(domain, settings.ALLOWED_HOSTS))


def _represent(amiss: str) -> dict[str, str]:
    return {"status": "failing", "message": amiss} if amiss else {"status": "ok"}


def _answer(body: dict[str, Any], status: int) -> HttpResponse:
    response = JsonResponse(body, status=status)
    response["Cache-Control"] = "no-store"
    response["Content-Length"] = str(len(response.content))
    return response


def _log_changes(before: States, after: States) -> None:
    for name, amiss in after.items():
        if amiss and amiss != before.get(name):
            log.warning("Not ready: %s: %s", name, amiss)
        elif before.get(name) and not amiss:
            log.info("Ready again: %s.", name)
