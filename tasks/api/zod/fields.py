"""The fields, each as Zod's type of that name."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.fields import SkipField, empty

from tasks.api.zod.checks import (
    check_bounds,
    check_kind,
    check_text,
    make_storable,
    to_double,
    utf16_length,
)


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
        if not check_kind(value, "string", issues):
            return value
        length, low, high = utf16_length(value), self.min_length, self.max_length
        if low is not None and length < low:
            issues.append(f"String must contain at least {low} character(s)")
        if high is not None and length > high:
            issues.append(f"String must contain at most {high} character(s)")
        if self.pattern.pattern and not self.pattern.fullmatch(value):
            issues.append(self.hint)
        check_text(value, issues)
        return value


class Number(ZodField, serializers.FloatField):
    """A number; JSON has no NaN."""

    def __init__(self, *, min_is_exclusive: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min_is_exclusive = min_is_exclusive

    def check(self, value: Any, issues: list[str]) -> Any:
        if not check_kind(value, "number", issues):
            return value
        number = to_double(value)
        check_bounds(number, self, issues, min_is_exclusive=self.min_is_exclusive)
        return number


class Integer(ZodField, serializers.IntegerField):
    """An integer by its value: 1.0 is one."""

    def check(self, value: Any, issues: list[str]) -> Any:
        if not check_kind(value, "number", issues):
            return value
        number = to_double(value)
        if not number.is_integer():
            issues.append("Expected integer, received float")
        check_bounds(number, self, issues)
        return int(number) if number.is_integer() else number


class IntegerText(Integer):
    """An integer in a query string, where everything is text."""

    def check(self, value: Any, issues: list[str]) -> Any:
        if not check_kind(value, "string", issues):
            return value
        if re.fullmatch("-?[0-9]+", value):
            return super().check(float(value), issues)
        issues.append("Expected integer, received string")
        return value


class TimeText(ZodField, serializers.DateTimeField):
    """A time in ISO 8601 with its offset, or a day, which begins at midnight UTC."""

    def check(self, value: Any, issues: list[str]) -> Any:
        if not check_kind(value, "string", issues):
            return value
        try:
            # A space is a plus that was not encoded.
            moment = datetime.fromisoformat(value.strip().replace(" ", "+"))
            if moment.tzinfo is None and len(value.strip()) > len("2026-04-03"):
                raise ValueError(value)
            if not 1970 <= moment.year < 2200:
                raise ValueError(value)
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            issues.append(
                "Expected a time such as 2026-04-03T10:30:00Z, or a day such as 2026-04-03"
            )
        return value


class Boolean(ZodField, serializers.BooleanField):
    """true or false, and nothing that is like them."""

    def check(self, value: Any, issues: list[str]) -> Any:
        check_kind(value, "boolean", issues)
        return value


class Enum(ZodField, serializers.ChoiceField):
    """One of some texts."""

    def __init__(self, choices: Iterable[str], **kwargs: Any) -> None:
        names = [str(choice) for choice in choices]
        super().__init__(names, **kwargs)
        self.names = frozenset(names)
        self.expected = " | ".join(f"'{name}'" for name in names)

    def check(self, value: Any, issues: list[str]) -> Any:
        is_text = check_kind(value, "string", issues, expected=self.expected)
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
        if not check_kind(value, "array", issues):
            return value
        if self.max_length is not None and len(value) > self.max_length:
            issues.append(f"Array must contain at most {self.max_length} element(s)")
            return value
        return [self.check_item(item, issues) for item in value]


class TextList(ArrayOf):
    """Several texts in a query string: the parameter repeated, or commas between them."""

    def check(self, value: Any, issues: list[str]) -> Any:
        if not check_kind(value, "string", issues):
            return value
        found = super().check(list(dict.fromkeys(value.split(","))), issues)
        issues[:] = dict.fromkeys(issues)
        return found


class Record(ZodField, serializers.DictField):
    """Any JSON object, as `JSON.stringify` would write it."""

    def check(self, value: Any, issues: list[str]) -> Any:
        if not check_kind(value, "object", issues):
            return value
        # Zod drops this one key, which in JavaScript would change what the object is.
        own = {key: item for key, item in value.items() if key != "__proto__"}
        return make_storable(own, issues)
