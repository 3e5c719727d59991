"""What the API answers of the audit, for its OpenAPI description alone."""

from rest_framework import serializers as drf

from tasks.api.responses.fields import ResponseBody, choice, nullable_text, text
from tasks.models import Way

WAYS = Way.values


class AuditEntry(ResponseBody):
    id = drf.IntegerField()
    createdAt = drf.DateTimeField()
    userId = drf.IntegerField(allow_null=True)
    userName = nullable_text(help_text="Null: somebody who needed no login.")
    tokenName = nullable_text()
    tokenPrefix = nullable_text(help_text="How the token begins.")
    address = nullable_text(help_text="Where the request came from.")
    way = choice(*WAYS)
    action = text()
    objectType = text()
    objectId = nullable_text()
    title = nullable_text()
    before = drf.DictField(
        allow_null=True, help_text="Of what changed, as it was; secrets are masked."
    )
    after = drf.DictField(
        allow_null=True, help_text="As it became, or what was asked for."
    )
    requestId = nullable_text(help_text="The X-Request-ID, as in the log.")
