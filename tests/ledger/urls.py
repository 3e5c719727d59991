"""The admin alone, so that its pages are tested without the other apps' URLs."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", include("tasks.admin.urls")),
    path("admin/", admin.site.urls),
]
