"""The operator's pages that are of no one model."""

from django.contrib import admin
from django.urls import path

from tasks.admin.approvals.view import (
    approvals,
    check_pattern,
    count_waiting,
    decide,
    undo,
)
from tasks.admin.audit import audit
from tasks.admin.overview.view import parts
from tasks.admin.spending.view import costs

_page = admin.site.admin_view

urlpatterns = [
    path("approvals/", _page(approvals), name="approvals"),
    path("approvals/waiting/", _page(count_waiting), name="approvals-waiting"),
    path("approvals/undo/<int:rule_id>/", _page(undo), name="approvals-undo"),
    path("approvals/<str:request_id>/decide/", _page(decide), name="approvals-decide"),
    path(
        "approvals/<str:request_id>/check/",
        _page(check_pattern),
        name="approvals-check",
    ),
    path("audit/", _page(audit), name="audit"),
    path("costs/", _page(costs), name="costs"),
    path("overview/parts/", _page(parts), name="overview-parts"),
]
