"""How JSON comes in and goes out."""

import json
from collections.abc import Iterable, Mapping
from typing import IO, Any, NoReturn

import orjson
from django.http import HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from tasks.api.zod import Invalid


class Response(HttpResponse):
    """What a view answers: JSON, ready at once.

    Django REST framework's own `Response` is a template response: it is made first and
    rendered later, which is a tenth of a request's time, for a choice of renderers that an API
    of JSON alone has no use for.
    """

    def __init__(
        self,
        data: Any,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        # Headers are given as a whole: a content type of its own is copied in once more.
        super().__init__(
            orjson.dumps(data),
            status=status,
            headers={"Content-Type": "application/json", **(headers or {})},
        )


class JSONRenderer(BaseRenderer):
    """What REST framework itself answers, such as errors."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else orjson.dumps(data)


class JSONParser(BaseParser):
    """Strict JSON, as JSON.parse reads it. An empty body is no value."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            text = stream.read().decode("utf-8")
            return _decode(text)
        except (ValueError, RecursionError) as error:
            raise Invalid.form(f"The body is not valid JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int | float:
    # As JavaScript does: what is too long for an integer is a double, if need be infinite.
    return int(digits) if len(digits) < 19 else float(digits)


_decode = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_integer).decode


class OneRenderer(BaseContentNegotiation):
    """The first parser that takes the body's type; always the first renderer."""

    def select_parser(
        self, request: Request, parsers: Iterable[BaseParser]
    ) -> BaseParser | None:
        content_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((p for p in parsers if p.media_type == content_type), None)

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type or ""
