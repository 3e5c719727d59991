"""What a request about webhooks may say, in the API's own words."""

from typing import Any

from tasks.api import zod
from tasks.api.requests.fields import ListQuery
from tasks.models import Delivery, Webhook
from tasks.models.webhook import SUBSCRIBABLE

NEW_STATUSES = Webhook.Status.values


def _name(**kwargs: Any) -> zod.String:
    return zod.String(min_length=1, max_length=200, **kwargs)


def _url(**kwargs: Any) -> zod.String:
    return zod.String(
        min_length=1,
        max_length=2_000,
        help_text="http or https. It is sent to public addresses, and to what the server allows.",
        **kwargs,
    )


def _events() -> zod.ArrayOf:
    return zod.ArrayOf(
        zod.Enum([str(kind) for kind in SUBSCRIBABLE]),
        required=False,
        max_length=len(SUBSCRIBABLE),
        help_text="The types that it is sent. Empty: all.",
    )


def _project() -> zod.String:
    return zod.String(
        required=False,
        allow_null=True,
        help_text="Only what is of this project. Null: everything.",
    )


def _format() -> zod.Enum:
    return zod.Enum(
        Webhook.Format.values,
        required=False,
        help_text="slack: a message that Slack's incoming webhooks, and others like them, show.",
    )


def _secret() -> zod.String:
    return zod.String(
        required=False,
        pattern=r"whsec_[A-Za-z0-9+/]{32,88}={0,2}",
        hint="whsec_ and base64 of 24 to 64 bytes",
        help_text="`whsec_` and base64 of 24 to 64 bytes. Left out, the server makes one.",
    )


class CreateWebhook(zod.Serializer):
    name = _name()
    url = _url()
    events = _events()
    projectId = _project()
    format = _format()
    secret = _secret()


class UpdateWebhook(zod.Serializer):
    name = _name(required=False)
    url = _url(required=False)
    events = _events()
    projectId = _project()
    format = _format()
    secret = _secret()
    status = zod.Enum(NEW_STATUSES, required=False, help_text="Pauses or resumes it.")


class WebhookListQuery(ListQuery):
    """A page of webhooks."""


class DeliveryListQuery(ListQuery):
    status = zod.Enum(Delivery.Status.values, required=False)
