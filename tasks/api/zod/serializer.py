"""An object of named fields, as `z.object()`."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast
from urllib.parse import quote

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.fields import empty

from tasks.api.zod.checks import check_kind
from tasks.api.zod.errors import Flattened, Invalid
from tasks.api.zod.fields import TextList

Validator = Callable[[object], dict[str, Any]]


class Serializer(serializers.Serializer[Any]):
    # An object of named fields, as `z.object()`. No docstring: the description would tell it.

    @classmethod
    def validator(cls) -> Validator:
        """Build what returns the valid part of a body or raises Invalid; threads share it."""
        return partial(_validate, tuple(cls().fields.items()))

    @classmethod
    def reader(cls) -> "QueryReader":
        """Build what reads the parameters of a query string by these fields."""
        return QueryReader(dict(cls().fields))

    def run_validation(self, data: Any = empty) -> dict[str, Any]:
        return _validate(self.fields.items(), data)

    def is_valid(self, *, raise_exception: bool = False) -> bool:
        valid = super().is_valid()
        if raise_exception and not valid:
            raise Invalid(cast(Flattened, self.errors))
        return valid


class QueryReader:
    """Reads query strings: of a parameter that comes more than once, the last counts, or all of a list."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = tuple(fields.items())
        self._lists = [
            name for name, field in fields.items() if isinstance(field, TextList)
        ]
        self._names = frozenset(fields)

    def __call__(self, query: QueryDict) -> dict[str, Any]:
        """Return the valid parameters, or raise Invalid; those that are unknown are ignored."""
        given: dict[str, Any] = query.dict()
        for name in self._lists:
            if name in query:
                given[name] = ",".join(query.getlist(name))
        return _validate(self._fields, given)

    def warning(self, query: QueryDict) -> str | None:
        """Return the header `Warning` that names the parameters that are ignored."""
        unknown = [name for name in query if name not in self._names]
        if not unknown:
            return None
        names = ", ".join(quote(name[:50], safe="") for name in unknown[:10])
        more = ", ..." if len(unknown) > 10 else ""
        return f'299 - "Unknown parameters are ignored: {names}{more}"'


def _validate(fields: Iterable[tuple[str, Any]], body: Any) -> dict[str, Any]:
    issues: list[str] = []
    # A form without content, as `curl -d ""` sends, is a QueryDict.
    if not isinstance(body, dict) and not check_kind(body, "object", issues):
        raise Invalid({"formErrors": issues, "fieldErrors": {}})
    data: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, field in fields:
        issues = []
        value = field.take(body.get(name, empty), issues)
        if issues:
            errors[name] = issues
        elif value is not empty:
            data[name] = value
    if errors:
        raise Invalid({"formErrors": [], "fieldErrors": errors})
    return data
