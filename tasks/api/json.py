"""What a view answers: JSON, ready at once.

Django REST framework's own `Response` is a template response: it is made first and
rendered later, which is a tenth of a request's time, for a choice of renderers that an API
of JSON alone has no use for.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpResponse


class Response(HttpResponse):
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
