"""The answer while the database is away or held by others: 503, why, and when to try again."""

import logging
import time

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from stagent.database.failures import is_full, is_read_only

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
AWAY = "The database cannot be reached just now. Nothing was changed; try again soon."
BUSY = "The database is held by another process. Nothing was changed; try again soon."
READ_ONLY = "The database takes no changes just now: it is read-only. Try again soon."
FULL = "The server's disk is full. Nothing was changed; try again when it has room."
SAID_EVERY_SECONDS = 10

_said_at = float("-inf")
_unsaid = 0


def unavailable(request: HttpRequest, error: BaseException) -> HttpResponse:
    """Answer a request that failed with `error`: a TimeoutError, or `is_unavailable()`."""
    _say(error)
    sentence = _choose_sentence(error)
    if request.path_info.startswith("/admin/"):
        page = render_to_string("unavailable.html", {"sentence": sentence})
        response = HttpResponse(page, status=503)
    else:
        response = JsonResponse({"error": sentence}, status=503)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response["Cache-Control"] = "no-store"
    # Django would log each with its traceback.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _choose_sentence(error: BaseException) -> str:
    if is_read_only(error):
        return READ_ONLY
    if is_full(error):
        return FULL
    is_busy = isinstance(error, TimeoutError) or "lock" in str(error)
    return BUSY if is_busy else AWAY


def _say(error: BaseException) -> None:
    """Log it once in a while, with how many requests met it meanwhile."""
    global _said_at, _unsaid
    now = time.monotonic()
    if now - _said_at < SAID_EVERY_SECONDS:
        _unsaid += 1
        return
    more = f" (and {_unsaid} more since the last line)" if _unsaid else ""
    log.warning("A request was answered 503%s: %s", more, str(error).strip())
    _said_at, _unsaid = now, 0
