"""Pages in which a person reads the API, and tries it: Swagger UI and ReDoc, without the internet."""

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseBase
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from stagent.middleware.content_security import PAGE
from tasks.access.rights import HasRight


class _ForPeople(APIView):
    """Sends a browser that is not logged in to the login, where JSON would be of no use."""

    permission_classes = (HasRight,)

    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override]
        if isinstance(exc, NotAuthenticated):
            return redirect_to_login(self.request.get_full_path(), "admin:login")
        return super().handle_exception(exc)


class SwaggerView(_ForPeople, SpectacularSwaggerSplitView):
    """The description as Swagger UI."""

    title = "Stagent API"


class RedocView(_ForPeople, SpectacularRedocView):
    """The description as ReDoc."""

    template_name = "api_docs/redoc.html"
    title = "Stagent API"

    def finalize_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(*args, **kwargs)
        # It searches in a worker that it makes of its own script.
        response["Content-Security-Policy"] = f"{PAGE}; worker-src 'self' blob:"
        return response
