"""An object of named fields, as `z.object()`."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

from rest_framework import serializers
from rest_framework.fields import empty

from tasks.api.zod.checks import check_kind
from tasks.api.zod.errors import Flattened, Invalid

Validator = Callable[[object], dict[str, Any]]


class Serializer(serializers.Serializer[Any]):
    # An object of named fields, as `z.object()`. No docstring: the description would tell it.

    @classmethod
    def validator(cls) -> Validator:
        """Build what returns the valid part of a body or raises Invalid; threads share it."""
        return partial(_validate, tuple(cls().fields.items()))

    def run_validation(self, data: Any = empty) -> dict[str, Any]:
        return _validate(self.fields.items(), data)

    def is_valid(self, *, raise_exception: bool = False) -> bool:
        valid = super().is_valid()
        if raise_exception and not valid:
            raise Invalid(cast(Flattened, self.errors))
        return valid


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
