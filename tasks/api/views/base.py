"""What every view of the API has."""

from rest_framework.viewsets import ViewSetMixin

from tasks.api.idempotency import IdempotentPosts


class ApiView(IdempotentPosts):
    """A view of one route."""


class ApiViewSet(ViewSetMixin, IdempotentPosts):
    """A view of several routes of one thing."""
