"""Request validation that answers as Zod 3 does.

Zod's rules, on REST framework's own field classes, so that drf-spectacular documents
them: types are strict, nothing is trimmed, a string is as long as its UTF-16 units, null
is not absence, unknown keys are dropped, and every issue of a field is told, in Zod's
words and order, however deep in the field it lies.
Beyond Zod, text must be storable: no NUL characters and no lone surrogates.

Make a `validator()` once, at module level; call it with each body. REST framework's
own `validators`, `validate()` and `validate_<field>()` play no part.
"""

from tasks.api.zod.checks import MAX_DEPTH
from tasks.api.zod.errors import Flattened, Invalid
from tasks.api.zod.fields import (
    ArrayOf,
    Boolean,
    Enum,
    Integer,
    IntegerText,
    Number,
    Record,
    String,
    TextList,
    TimeText,
    ZodField,
)
from tasks.api.zod.serializer import QueryReader, Serializer, Validator

__all__ = [
    "MAX_DEPTH",
    "ArrayOf",
    "Boolean",
    "Enum",
    "Flattened",
    "Integer",
    "IntegerText",
    "Invalid",
    "Number",
    "QueryReader",
    "Record",
    "Serializer",
    "String",
    "TextList",
    "TimeText",
    "Validator",
    "ZodField",
]
