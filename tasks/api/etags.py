"""ETags: a reader asks only for what is new, a writer only changes what it has read."""

import hashlib
from typing import Any, cast

from django.utils.cache import get_conditional_response
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from tasks.api.json import Response


class Changed(APIException):
    """412: the task is no longer as If-Match says."""

    status_code = 412
    default_detail = (
        "It is no longer as If-Match says: read it again, then send the change again."
    )


def add_etag(data: Any) -> Response:
    """Answer `data` with a strong tag: of what the body says, whatever it was made of."""
    response = Response(data)
    digest = hashlib.blake2b(response.content, digest_size=16).hexdigest()
    response["ETag"] = f'"{digest}"'
    return response


def respond(request: Request, data: Any) -> Response:
    """Answer `data` with its ETag; 304 without a body to a reader who has it."""
    response = add_etag(data)
    if not request.META.keys() & {"HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH"}:
        return response
    conditional = get_conditional_response(
        request._request, response["ETag"], None, response
    )
    if conditional is not None and conditional.status_code == 412:
        raise Changed
    return cast(Response, conditional)


def check_unchanged(request: Request, data: Any) -> None:
    """Raise Changed unless If-Match names what `data` says; the caller holds its row."""
    if get_conditional_response(request._request, add_etag(data)["ETag"]) is not None:
        raise Changed
