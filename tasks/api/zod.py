"""Request validation that answers as Zod 3 does.

Zod's rules, on REST framework's own field classes, so that drf-spectacular documents
them: types are strict, nothing is trimmed, a string is as long as its UTF-16 units, null
is not absence, unknown keys are dropped, and every issue of a field is told, in Zod's
words and order, however deep in the field it lies.
Beyond Zod, text must be storable: no NUL characters and no lone surrogates.

Make a `validator()` once, at module level; call it with each body. REST framework's
own `validators`, `validate()` and `validate_<field>()` play no part.
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypedDict, cast

from django.core.validators import RegexValidator
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.fields import SkipField, empty

# The renderer writes 254 levels at most; a record is put into other objects.
MAX_DEPTH = 100

Validator = Callable[[object], dict[str, Any]]


class Flattened(TypedDict):
    """What Zod's `flatten()` gives."""

    formErrors: list[str]
    fieldErrors: dict[str, list[str]]


class Invalid(ValidationError):
    """The request is not as it should be."""

    def __init__(self, flattened: Flattened) -> None:
        super().__init__(cast(Any, flattened))
        self.flattened = flattened

    @classmethod
    def form(cls, message: str) -> "Invalid":
        return cls({"formErrors": [message], "fieldErrors": {}})

    @classmethod
    def field(cls, name: str, message: str) -> "Invalid":
        return cls({"formErrors": [], "fieldErrors": {name: [message]}})


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


class ZodField(serializers.Field[Any, Any, Any, Any], ABC):
    """A field that keeps nothing of a request, so that one instance serves all of them.

    With `allow_null` it is `nullable()`: null is a value, which clears what it stands for.
    """

    @abstractmethod
    def check(self, value: Any, issues: list[str]) -> Any:
        """Return `value` as it is to be used; add to `issues` what is wrong with it."""

    def take(self, value: Any, issues: list[str]) -> Any:
        """Check `value`, or return the default if it may be, and is, absent."""
        if value is empty and not self.required:
            return self.default
        if value is None and self.allow_null:
            return None
        return self.check(value, issues)

    def run_validation(self, data: Any = empty) -> Any:
        issues: list[str] = []
        value = self.take(data, issues)
        if issues:
            raise ValidationError(issues)
        if value is empty:
            raise SkipField
        return value


class String(ZodField, serializers.CharField):
    """`hint` is said of text that does not match `pattern` from end to end."""

    def __init__(self, *, pattern: str = "", hint: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pattern = re.compile(pattern)
        self.hint = hint
        if pattern:  # for the documentation
            self.validators.append(RegexValidator(f"^{pattern}$"))

    def check(self, value: Any, issues: list[str]) -> Any:
        if not _is(value, "string", issues):
            return value
        length, low, high = _utf16_length(value), self.min_length, self.max_length
        if low is not None and length < low:
            issues.append(f"String must contain at least {low} character(s)")
        if high is not None and length > high:
            issues.append(f"String must contain at most {high} character(s)")
        if self.pattern.pattern and not self.pattern.fullmatch(value):
            issues.append(self.hint)
        _check_text(value, issues)
        return value


class Number(ZodField, serializers.FloatField):
    def __init__(self, *, min_is_exclusive: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min_is_exclusive = min_is_exclusive

    def check(self, value: Any, issues: list[str]) -> Any:
        if not _is(value, "number", issues):
            return value
        number = _double(value)
        _check_bounds(number, self, issues, min_is_exclusive=self.min_is_exclusive)
        return number


class Integer(ZodField, serializers.IntegerField):
    """An integer by its value: 1.0 is one."""

    def check(self, value: Any, issues: list[str]) -> Any:
        if not _is(value, "number", issues):
            return value
        number = _double(value)
        if not number.is_integer():
            issues.append("Expected integer, received float")
        _check_bounds(number, self, issues)
        return int(number) if number.is_integer() else number


class IntegerText(Integer):
    """An integer in a query string, where everything is text."""

    def check(self, value: Any, issues: list[str]) -> Any:
        if not _is(value, "string", issues):
            return value
        if re.fullmatch("-?[0-9]+", value):
            return super().check(float(value), issues)
        issues.append("Expected integer, received string")
        return value


class Boolean(ZodField, serializers.BooleanField):
    def check(self, value: Any, issues: list[str]) -> Any:
        _is(value, "boolean", issues)
        return value


class Enum(ZodField, serializers.ChoiceField):
    def __init__(self, choices: Iterable[str], **kwargs: Any) -> None:
        names = [str(choice) for choice in choices]
        super().__init__(names, **kwargs)
        self.names = frozenset(names)
        self.expected = " | ".join(f"'{name}'" for name in names)

    def check(self, value: Any, issues: list[str]) -> Any:
        is_text = _is(value, "string", issues, expected=self.expected)
        if is_text and value not in self.names:
            # A lone surrogate could not be written into the response.
            received = value.encode(errors="backslashreplace").decode()
            issues.append(
                f"Invalid enum value. Expected {self.expected}, received '{received}'"
            )
        return value


class ArrayOf(ZodField, serializers.ListField):
    """An array; of one that is too long, its items are not looked at."""

    def __init__(self, child: ZodField, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(child=child, max_length=max_length, **kwargs)
        self.check_item = child.check

    def check(self, value: Any, issues: list[str]) -> Any:
        if not _is(value, "array", issues):
            return value
        if self.max_length is not None and len(value) > self.max_length:
            issues.append(f"Array must contain at most {self.max_length} element(s)")
            return value
        return [self.check_item(item, issues) for item in value]


class Record(ZodField, serializers.DictField):
    """Any JSON object, as `JSON.stringify` would write it."""

    def check(self, value: Any, issues: list[str]) -> Any:
        if not _is(value, "object", issues):
            return value
        # Zod drops this one key, which in JavaScript would change what the object is.
        own = {key: item for key, item in value.items() if key != "__proto__"}
        return _storable(own, issues)


def _validate(fields: Iterable[tuple[str, Any]], body: Any) -> dict[str, Any]:
    issues: list[str] = []
    # A form without content, as `curl -d ""` sends, is a QueryDict.
    if not isinstance(body, dict) and not _is(body, "object", issues):
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


_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def _is(value: Any, kind: str, issues: list[str], *, expected: str = "") -> bool:
    received = _KINDS.get(type(value), "unknown")
    if received == kind:
        return True
    mismatch = f"Expected {expected or kind}, received {received}"
    issues.append("Required" if value is empty else mismatch)
    return False


def _double(value: float) -> float:
    """Return the double that JavaScript would have of a number; NaN is not in JSON."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _check_bounds(
    number: float, field: Any, issues: list[str], *, min_is_exclusive: bool = False
) -> None:
    low, high = field.min_value, field.max_value
    if low is not None and (number < low or (min_is_exclusive and number == low)):
        relation = "greater than" + ("" if min_is_exclusive else " or equal to")
        issues.append(f"Number must be {relation} {low}")
    if high is not None and number > high:
        issues.append(f"Number must be less than or equal to {high}")


def _utf16_length(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _check_text(text: str, issues: list[str]) -> None:
    """Refuse what PostgreSQL cannot store and UTF-8 cannot carry."""
    if "\0" in text:
        _add_once("String must not contain NUL characters", issues)
    try:
        text.encode()
    except UnicodeEncodeError:
        _add_once("String must not contain lone surrogates", issues)


def _storable(value: Any, issues: list[str], depth: int = 1) -> Any:
    """Return JSON that the database and the renderer can write."""
    match value:
        case dict() | list() if depth > MAX_DEPTH:
            _add_once(f"Object must not be deeper than {MAX_DEPTH} levels", issues)
        case dict():
            for key in value:
                _check_text(key, issues)
            return {k: _storable(v, issues, depth + 1) for k, v in value.items()}
        case list():
            return [_storable(item, issues, depth + 1) for item in value]
        case str():
            _check_text(value, issues)
        case int() if -(2**63) <= value < 2**63:
            return value
        case int() | float():  # beyond 64 bits a double, beyond doubles null
            return _double(value) if math.isfinite(_double(value)) else None
    return value


def _add_once(message: str, issues: list[str]) -> None:
    if message not in issues:
        issues.append(message)
