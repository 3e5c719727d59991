"""What is said of a request that is not as it should be."""

from typing import Any, TypedDict, cast

from rest_framework.exceptions import ValidationError


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
