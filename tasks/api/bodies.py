"""The JSON body of a request."""

from typing import Any

from rest_framework.request import Request

from tasks.api.zod import Invalid


def json_body(request: Request) -> Any:
    """Return what the body says. An empty one is no JSON, though DRF takes it for `{}`."""
    data = request.data  # first: it tells a wrong content type
    if request.stream is None:
        raise Invalid.form("The body is not valid JSON: it is empty")
    return data
