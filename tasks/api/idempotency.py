"""`Idempotency-Key`: a POST that is sent twice is done once, and answered the same twice.

The key's row, what the request does and the response are one transaction. So a server that
dies in the middle leaves nothing of it, and a second request at the same time waits for
the first one's end. Names and rules are those of draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response as DRFResponse
from rest_framework.views import APIView

from tasks.api.zod import Invalid
from tasks.models import IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_LENGTH = 255
# "Not now" and "not you": the same request may well do later.
_NOT_KEPT = {401, 403, 408, 429}

Handler = Callable[..., HttpResponseBase]


class AnotherRequest(APIException):
    """422: the key was used for a request with another body."""

    status_code = 422
    default_detail = f"This {HEADER} was used for another request: send a new key with a new request."


class IdempotentPosts(APIView):
    """Views whose POSTs heed the header."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who asks, as ever; then have a POST with a key done once."""
        super().initial(request, *args, **kwargs)
        key = request.META.get("HTTP_IDEMPOTENCY_KEY")
        handler = getattr(self, "post", None)
        if key is not None and request.method == "POST" and handler is not None:
            once = partial(self._answer_once, _check_key(key), handler)
            vars(self)["post"] = once

    def _answer_once(
        self, key: str, handler: Handler, request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        answer = partial(_answer, self, key, handler, request, *args, **kwargs)
        try:
            return answer()
        except IntegrityError:
            # What it refers to has gone before the commit: the view says which.
            return answer()


def _check_key(key: str) -> str:
    if not (0 < len(key) <= MAX_LENGTH and key.isascii() and key.isprintable()):
        raise Invalid.form(
            f"{HEADER} must be 1 to {MAX_LENGTH} printable ASCII characters"
        )
    return key


@transaction.atomic
def _answer(
    view: APIView,
    key: str,
    handler: Handler,
    request: Request,
    *args: Any,
    **kwargs: Any,
) -> HttpResponseBase:
    fingerprint = _fingerprint(request)
    owner = str(request.user.pk or "") if request.user else ""
    row, is_new = IdempotencyKey.objects.claim(
        owner=owner, key=key, fingerprint=fingerprint
    )
    if not is_new:
        return _replay(row, fingerprint)
    response = _respond(view, handler, request, *args, **kwargs)
    if response.status_code in _NOT_KEPT or response.status_code >= 500:
        row.delete()
    elif isinstance(response, StreamingHttpResponse):
        row.delete()  # done as ever: what it says is not there yet
    else:
        row.status = response.status_code
        row.content_type, row.body = _content(response)
        row.save(update_fields=["status", "content_type", "body"])
    return response


def _respond(
    view: APIView, handler: Handler, request: Request, *args: Any, **kwargs: Any
) -> HttpResponseBase:
    try:
        return handler(request, *args, **kwargs)
    except DatabaseError:
        raise
    except Exception as error:
        if connection.needs_rollback:
            raise
        return view.handle_exception(error)  # raises again what is a fault of ours


def _replay(row: IdempotencyKey, fingerprint: str) -> HttpResponse:
    if row.fingerprint != fingerprint:
        raise AnotherRequest
    return HttpResponse(
        bytes(row.body),
        status=row.status,
        headers={"Content-Type": row.content_type, REPLAYED: "true"},
    )


def _content(response: HttpResponseBase) -> tuple[str, bytes]:
    if isinstance(response, DRFResponse):  # an error, not rendered yet
        return "application/json", orjson.dumps(response.data)
    content = response.content if isinstance(response, HttpResponse) else b""
    return response.headers.get("Content-Type", "application/json"), content


def _fingerprint(request: Request) -> str:
    """Return a hash of what is asked for: path, query and body.

    Of a form with files, its fields count: a client draws a new boundary each time.
    """
    found = hashlib.sha256(request.get_full_path().encode(errors="replace"))
    form = (
        request.data if (request.content_type or "").startswith("multipart/") else None
    )
    if isinstance(form, QueryDict):
        for name, value in sorted(form.lists()):
            for item in value:
                found.update(f"\0{name}\0".encode(errors="replace"))
                _add(found, item)
    else:
        found.update(b"\0" + request._request.body)
    return found.hexdigest()


def _add(found: Any, item: Any) -> None:
    if not hasattr(item, "chunks"):
        found.update(str(item).encode(errors="replace"))
        return
    found.update(f"{item.name}\0".encode(errors="replace"))
    for chunk in item.chunks():
        found.update(chunk)
    item.seek(0)
