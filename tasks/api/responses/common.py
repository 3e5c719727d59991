"""What every route may answer: errors, and what says no more than yes."""

from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
)
from rest_framework import serializers as drf

from tasks.api.responses.fields import ResponseBody, text, texts


class Error(ResponseBody):
    error = text()


class Flattened(ResponseBody):
    formErrors = texts()
    fieldErrors = drf.DictField(child=texts())


class ValidationError(ResponseBody):
    """Zod's flattened form."""

    error = Flattened()


Success = type("Success", (ResponseBody,), {"success": drf.BooleanField()})

Started = type(
    "Started",
    (ResponseBody,),
    {
        "message": text(),
        "warning": text(
            required=False, help_text="Only if no worker runs that would take it up."
        ),
    },
)

_EITHER = PolymorphicProxySerializer("BadRequest", [ValidationError, Error], None)

BAD_REQUEST = OpenApiResponse(
    _EITHER, "What does not fit; validation in Zod's flattened form."
)

CONFLICT = OpenApiResponse(Error, "Already responded.")

CHANGED = OpenApiResponse(Error, "It is no longer as If-Match says.")

NOT_MODIFIED = OpenApiResponse(description="It is still as If-None-Match says.")

BUDGET_EXCEEDED = OpenApiResponse(
    Error,
    "A budget is used up: Retry-After tells when its window ends. Without it, waiting does"
    " not help by itself: running tasks hold the rest of a budget, or the task's own is spent.",
)

LINK = OpenApiParameter(
    "Link",
    location=OpenApiParameter.HEADER,
    response=[200],
    description='The next page, as `<…>; rel="next"`, if there is one.',
)
