from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from stagent.api import JSONRenderer

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("api/", include("tasks.urls")),
    path(
        "api/schema",
        SpectacularAPIView.as_view(renderer_classes=[JSONRenderer]),
        name="schema",
    ),
    path("admin/", admin.site.urls),
]

handler400 = "stagent.api.bad_request"
handler404 = "stagent.api.not_found"
handler500 = "stagent.api.server_error"
