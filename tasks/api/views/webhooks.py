"""/api/webhooks: who is sent what happens, and how each delivery went."""

from typing import Any

from django.db import IntegrityError, transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from tasks.access.authentication import actor
from tasks.api import paging, responses
from tasks.api.bodies import json_body
from tasks.api.json import Response
from tasks.api.representation.webhooks import represent_delivery, represent_webhook
from tasks.api.requests.webhooks import (
    CreateWebhook,
    DeliveryListQuery,
    UpdateWebhook,
    WebhookListQuery,
)
from tasks.api.responses import webhooks as shapes
from tasks.api.views.base import ApiViewSet
from tasks.api.views.lookups import get_or_404, parse_uuid
from tasks.api.whole_lists import AnyResponse
from tasks.api.zod import Invalid
from tasks.models import Delivery, Project, Webhook
from tasks.webhooks import changes
from tasks.webhooks.addresses import find_url_problem

JSON = dict[str, Any]

validate_create = CreateWebhook.validator()
validate_update = UpdateWebhook.validator()

_COLUMNS = {
    "name": "name",
    "url": "url",
    "events": "types",
    "projectId": "project_id",
    "format": "format",
    "secret": "secret",
}


class WebhookViewSet(ApiViewSet):
    """Webhooks: subscribed, changed, tried out."""

    serializer_class = CreateWebhook
    list_query = WebhookListQuery.reader()
    deliveries_query = DeliveryListQuery.reader()

    @extend_schema(
        parameters=[WebhookListQuery, responses.LINK],
        responses={200: shapes.Webhook(many=True)},
    )
    def list(self, request: Request) -> AnyResponse:
        """List webhooks, the newest first; never their secrets."""
        query = self.list_query(request.query_params)
        order = paging.NEWEST_UUID
        return paging.respond(
            request, query, Webhook.objects.all(), order, represent_webhook
        )

    @extend_schema(request=CreateWebhook, responses={201: shapes.WebhookWithSecret})
    def create(self, request: Request) -> Response:
        """Subscribe an address to what happens from now on.

        The response alone shows the secret that deliveries are signed with.
        """
        data = validate_create(json_body(request))
        _check(data)
        webhook = Webhook(**_columns(data), created_by=actor(request))
        try:
            with transaction.atomic():
                webhook.save(force_insert=True)
        except IntegrityError:
            _check(data)  # its project was there when that was checked
            raise
        return Response(
            {**represent_webhook(webhook), "secret": webhook.secret}, status=201
        )

    @extend_schema(responses={200: shapes.Webhook})
    def retrieve(self, request: Request, webhook_id: str) -> Response:
        """Get a webhook, without its secret."""
        return Response(represent_webhook(get_webhook(webhook_id)))

    @extend_schema(request=UpdateWebhook, responses={200: shapes.Webhook})
    def partial_update(self, request: Request, webhook_id: str) -> Response:
        """Change a webhook; a `status` pauses or resumes it.

        What happens during a pause is not sent later. A new `secret` counts at once.
        """
        webhook = get_webhook(webhook_id)
        data = validate_update(json_body(request))
        _check(data)
        columns = _columns(data)
        for column, value in columns.items():
            setattr(webhook, column, value)
        try:
            with transaction.atomic():
                if columns:
                    webhook.save(update_fields=[*columns, "updated_at"])
                _change_status(webhook, data, by=actor(request))
        except IntegrityError:
            _check(data)
            raise
        return Response(represent_webhook(get_webhook(webhook_id)))

    @extend_schema(responses={200: responses.Success})
    def destroy(self, request: Request, webhook_id: str) -> Response:
        """Remove a webhook with its deliveries; what is pending is not sent."""
        get_webhook(webhook_id).delete()
        return Response({"success": True})

    @extend_schema(request=None, responses={202: shapes.Delivery})
    def test(self, request: Request, webhook_id: str) -> Response:
        """Send an event of the type `webhook.test`, as a worker sends all others.

        The delivery tells what came of it. A paused webhook is sent it when it is resumed.
        """
        delivery = changes.send_test(get_webhook(webhook_id))
        return Response(represent_delivery(delivery), status=202)

    @extend_schema(
        parameters=[DeliveryListQuery, responses.LINK],
        responses={200: shapes.Delivery(many=True)},
    )
    def deliveries(self, request: Request, webhook_id: str) -> AnyResponse:
        """List what was sent to a webhook, and what came of it, the newest first."""
        query = self.deliveries_query(request.query_params)
        rows = get_webhook(webhook_id).deliveries.select_related("event")
        if "status" in query:
            rows = rows.filter(status=query["status"])
        order = paging.NEWEST_UUID
        return paging.respond(request, query, rows, order, represent_delivery)

    @extend_schema(responses={200: shapes.Delivery})
    def delivery(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        """Get a delivery."""
        return Response(represent_delivery(get_delivery(webhook_id, delivery_id)))

    @extend_schema(request=None, responses={202: shapes.Delivery})
    def redeliver(
        self, request: Request, webhook_id: str, delivery_id: str
    ) -> Response:
        """Send an event again, with the id that it had, whatever came of it before."""
        delivery = changes.redeliver(get_delivery(webhook_id, delivery_id))
        return Response(represent_delivery(delivery), status=202)


def get_webhook(webhook_id: str) -> Webhook:
    pk = parse_uuid(webhook_id, "Webhook")
    return get_or_404(Webhook.objects.all(), pk, "Webhook")


def get_delivery(webhook_id: str, delivery_id: str) -> Delivery:
    rows = get_webhook(webhook_id).deliveries.select_related("event")
    return get_or_404(rows, parse_uuid(delivery_id, "Delivery"), "Delivery")


def _columns(data: JSON) -> JSON:
    return {_COLUMNS[name]: value for name, value in data.items() if name in _COLUMNS}


def _check(data: JSON) -> None:
    if "url" in data and (problem := find_url_problem(data["url"])):
        raise Invalid.field("url", problem)
    project_id = data.get("projectId")
    if project_id is not None and not Project.objects.filter(pk=project_id).exists():
        raise Invalid.field("projectId", "Project not found")


def _change_status(webhook: Webhook, data: JSON, *, by: str) -> None:
    if data.get("status") == Webhook.Status.PAUSED:
        changes.pause(webhook.pk, f"Paused by {by}.")
    elif data.get("status") == Webhook.Status.ACTIVE:
        changes.resume(webhook.pk)
