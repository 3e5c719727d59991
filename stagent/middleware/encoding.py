"""Text is UTF-8, whatever charset a client names: Python knows some that are no text at all."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase


class Utf8Middleware:
    """Reads what comes as UTF-8, whatever charset it names."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.encoding is not None:
            request.encoding = "utf-8"
        return self.get_response(request)
