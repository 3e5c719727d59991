from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from stagent.api_docs import RedocView, SwaggerView
from stagent.metrics import metrics
from tasks.api.json import JSONRenderer

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("api/", include("tasks.api.urls")),
    path(
        "api/schema",
        SpectacularAPIView.as_view(renderer_classes=[JSONRenderer]),
        name="schema",
    ),
    path("api/docs", SwaggerView.as_view(), name="api-docs"),
    path("api/docs/redoc", RedocView.as_view(), name="api-docs-redoc"),
    path("admin/", include("tasks.admin.urls")),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
]

handler400 = "tasks.api.errors.bad_request"
handler404 = "tasks.api.errors.not_found"
handler500 = "tasks.api.errors.server_error"
