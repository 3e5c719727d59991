"""Fields that requests about several things have."""

from typing import Any

from tasks.api import zod

MAX_DOCUMENTS = 500  # of one task


def description_field(**kwargs: Any) -> zod.String:
    return zod.String(required=False, max_length=2000, **kwargs)


def document_ids_field(**kwargs: Any) -> zod.ArrayOf:
    return zod.ArrayOf(zod.String(), required=False, max_length=MAX_DOCUMENTS, **kwargs)


def page_limit_field() -> zod.IntegerText:
    return zod.IntegerText(required=False, min_value=1, max_value=1000)


def cursor_field() -> zod.String:
    return zod.String(
        required=False, help_text="From the Link header of the page before."
    )


class ListQuery(zod.Serializer):
    limit = page_limit_field()
    cursor = cursor_field()
