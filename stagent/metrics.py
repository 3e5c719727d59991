"""`GET /metrics`, for Prometheus: the site's numbers from its tables, and this machine's own."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from stagent.server import request_metrics
from tasks.access import rights
from tasks.access.authentication import TokenAuthentication
from tasks.observability.metrics import RowCollector


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer who may view the ledger, or anybody where the settings say so."""
    if refusal := _refusal(request):
        return refusal
    registry = CollectorRegistry()
    registry.register(RowCollector())
    request_metrics.register(registry)
    return HttpResponse(
        generate_latest(registry),
        content_type=CONTENT_TYPE_LATEST,
        headers={"Cache-Control": "no-store"},
    )


def _refusal(request: HttpRequest) -> HttpResponse | None:
    if settings.STAGENT_METRICS_OPEN:
        return None
    authenticators = [TokenAuthentication(), SessionAuthentication()]
    try:
        rights.check(Request(request, authenticators=authenticators))
    except APIException as error:
        response = JsonResponse({"error": str(error.detail)}, status=error.status_code)
        if error.status_code == 401:
            response["WWW-Authenticate"] = "Bearer"
        return response
    return None
