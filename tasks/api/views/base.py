"""What every view of the API has."""

from typing import Any

from rest_framework.request import Request
from rest_framework.viewsets import ViewSetMixin

from tasks.api.audited_writes import AuditedWrites
from tasks.api.idempotency import IdempotentPosts
from tasks.api.zod import QueryReader


class ApiView(IdempotentPosts, AuditedWrites):
    """A view of one route; `list_query` is what a list's query string is read by."""

    list_query: QueryReader

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Say of a list which parameters are unknown, and so ignored."""
        response = super().finalize_response(request, response, *args, **kwargs)
        is_list = request.method == "GET" and getattr(self, "action", "list") == "list"
        if is_list and request.META.get("QUERY_STRING"):
            query: QueryReader | None = getattr(self, "list_query", None)
            if query and (warning := query.warning(request.query_params)):
                response["Warning"] = warning
        return response


class ApiViewSet(ViewSetMixin, ApiView):
    """A view of several routes of one thing."""
