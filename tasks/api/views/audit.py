"""/api/audit: who wrote what, from where. Nobody writes there."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from tasks.api import paging, responses
from tasks.api.requests.audit import AuditListQuery
from tasks.api.responses.audit import AuditEntry as AuditEntryShape
from tasks.api.views.base import ApiView
from tasks.api.whole_lists import AnyResponse
from tasks.models import AuditEntry
from tasks.models.audit import AuditQuerySet

# What is asked for -> the filter.
_FILTERS = {
    "userName": "user_name",
    "objectType": "object_type",
    "objectId": "object_id",
    "createdFrom": "created_at__gte",
    "createdUntil": "created_at__lt",
}


class AuditView(ApiView):
    """The audit."""

    list_query = AuditListQuery.reader()

    @extend_schema(
        parameters=[AuditListQuery, responses.LINK],
        responses={200: AuditEntryShape(many=True)},
    )
    def get(self, request: Request) -> AnyResponse:
        """List who wrote what, the newest first."""
        query = self.list_query(request.query_params)
        order = paging.NEWEST_KEY
        return paging.respond(request, query, _filter(query), order, AuditEntry.as_json)


def _filter(query: dict[str, Any]) -> AuditQuerySet:
    wanted = {ours: query[name] for name, ours in _FILTERS.items() if name in query}
    entries = AuditEntry.objects.filter(**wanted)
    return entries.newest_by(query["way"]) if "way" in query else entries
