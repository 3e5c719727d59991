"""The whole matrix, who may do what: each route and method."""

import pytest
from django.urls import get_resolver

# The route, its method, the right that it needs, and the least role that has it.
MATRIX = [
    ("tasks", "GET", "tasks.view_task", "Viewer"),
    ("tasks", "POST", "tasks.add_task", "Operator"),
    ("task", "GET", "tasks.view_task", "Viewer"),
    ("task", "PATCH", "tasks.change_task", "Operator"),
    ("task", "DELETE", "tasks.delete_task", "Operator"),
    ("task-execute", "POST", "tasks.change_task", "Operator"),
    ("task-resume", "POST", "tasks.change_task", "Operator"),
    ("task-cancel", "POST", "tasks.change_task", "Operator"),
    ("task-messages", "GET", "tasks.view_task", "Viewer"),
    ("task-messages", "POST", "tasks.change_task", "Operator"),
    ("task-respond", "POST", "tasks.change_permissionrequest", "Operator"),
    ("task-output", "GET", "tasks.view_task", "Viewer"),
    ("task-logs", "GET", "tasks.view_task", "Viewer"),
    ("task-assist", "POST", "tasks.add_task", "Operator"),
    ("task-provenance", "GET", "tasks.view_task", "Viewer"),
    ("task-siblings", "GET", "tasks.view_task", "Viewer"),
    ("task-files", "GET", "tasks.view_task", "Viewer"),
    ("task-file", "GET", "tasks.view_task", "Viewer"),
    ("task-archive", "GET", "tasks.view_task", "Viewer"),
    ("task-diff", "GET", "tasks.view_task", "Viewer"),
    ("projects", "GET", "tasks.view_project", "Viewer"),
    ("projects", "POST", "tasks.add_project", "Operator"),
    ("project", "GET", "tasks.view_project", "Viewer"),
    ("project", "PATCH", "tasks.change_project", "Operator"),
    ("project", "DELETE", "tasks.delete_project", "Operator"),
    ("project-documents", "GET", "tasks.view_project", "Viewer"),
    ("project-documents", "PUT", "tasks.change_project", "Operator"),
    ("documents", "GET", "tasks.view_document", "Viewer"),
    ("documents", "POST", "tasks.add_document", "Operator"),
    ("document", "GET", "tasks.view_document", "Viewer"),
    ("document", "DELETE", "tasks.delete_document", "Operator"),
    ("document", "PATCH", "tasks.change_document", "Operator"),
    ("document-file", "GET", "tasks.view_document", "Viewer"),
    ("document-versions", "GET", "tasks.view_document", "Viewer"),
    ("document-content", "GET", "tasks.view_document", "Viewer"),
    ("webhooks", "GET", "tasks.view_webhook", "Administrator"),
    ("webhooks", "POST", "tasks.add_webhook", "Administrator"),
    ("webhook", "GET", "tasks.view_webhook", "Administrator"),
    ("webhook", "PATCH", "tasks.change_webhook", "Administrator"),
    ("webhook", "DELETE", "tasks.delete_webhook", "Administrator"),
    ("webhook-test", "POST", "tasks.change_webhook", "Administrator"),
    ("webhook-deliveries", "GET", "tasks.view_webhook", "Administrator"),
    ("webhook-delivery", "GET", "tasks.view_webhook", "Administrator"),
    ("webhook-redeliver", "POST", "tasks.change_webhook", "Administrator"),
    ("notification", "PATCH", "tasks.change_permissionrequest", "Operator"),
    (
        "notifications-mark-all-read",
        "PATCH",
        "tasks.change_permissionrequest",
        "Operator",
    ),
    ("events", "GET", "tasks.view_task", "Viewer"),
    ("notifications", "GET", "tasks.view_permissionrequest", "Viewer"),
    ("notification", "GET", "tasks.view_permissionrequest", "Viewer"),
    ("rules", "GET", "tasks.view_permissionrule", "Viewer"),
    ("rules", "POST", "tasks.add_permissionrule", "Administrator"),
    ("rule", "GET", "tasks.view_permissionrule", "Viewer"),
    ("rule", "DELETE", "tasks.delete_permissionrule", "Administrator"),
    ("workflows", "GET", "tasks.view_workflow", "Viewer"),
    ("workflows", "POST", "tasks.add_workflow", "Operator"),
    ("workflow-from-assist", "POST", "tasks.add_workflow", "Operator"),
    ("workflow", "GET", "tasks.view_workflow", "Viewer"),
    ("workflow", "PATCH", "tasks.change_workflow", "Operator"),
    ("workflow", "DELETE", "tasks.delete_workflow", "Operator"),
    ("workflow-execute", "POST", "tasks.change_workflow", "Operator"),
    ("workflow-resume", "POST", "tasks.change_workflow", "Operator"),
    ("workflow-stop", "POST", "tasks.change_workflow", "Operator"),
    ("workflow-step-retry", "POST", "tasks.change_workflow", "Operator"),
    ("workflow-status", "GET", "tasks.view_workflow", "Viewer"),
    ("workflow-target", "GET", "tasks.view_workflow", "Viewer"),
    ("workflow-documents", "GET", "tasks.view_workflow", "Viewer"),
    ("workflow-documents", "POST", "tasks.change_workflow", "Operator"),
    ("workflow-documents", "DELETE", "tasks.change_workflow", "Operator"),
    ("profiles", "GET", "tasks.view_task", "Viewer"),
    ("profile", "GET", "tasks.view_task", "Viewer"),
    ("profiles", "POST", "tasks.add_storedprofile", "Administrator"),
    ("profile", "PATCH", "tasks.change_storedprofile", "Administrator"),
    ("profile", "PUT", "tasks.change_storedprofile", "Administrator"),
    ("profile", "DELETE", "tasks.delete_storedprofile", "Administrator"),
    ("runtimes", "GET", "tasks.view_task", "Viewer"),
    ("budgets", "GET", "ledger.view_budget", "Viewer"),
    ("budgets", "POST", "ledger.add_budget", "Administrator"),
    ("budget", "GET", "ledger.view_budget", "Viewer"),
    ("budget", "PATCH", "ledger.change_budget", "Administrator"),
    ("budget", "DELETE", "ledger.delete_budget", "Administrator"),
    ("settings-budgets", "GET", "ledger.view_budget", "Viewer"),
    ("settings-budgets", "POST", "ledger.change_budget", "Administrator"),
    ("usage", "GET", "ledger.view_ledgerentry", "Viewer"),
    ("audit-entries", "GET", "tasks.view_auditentry", "Administrator"),
    ("schedules", "GET", "tasks.view_schedule", "Viewer"),
    ("schedules", "POST", "tasks.add_schedule", "Operator"),
    ("schedule", "GET", "tasks.view_schedule", "Viewer"),
    ("schedule", "PATCH", "tasks.change_schedule", "Operator"),
    ("schedule", "DELETE", "tasks.delete_schedule", "Operator"),
    ("schedule-parse", "POST", "tasks.view_schedule", "Viewer"),
    ("schedule-execute", "POST", "tasks.change_schedule", "Operator"),
    ("schedule-heartbeat-history", "GET", "tasks.view_schedule", "Viewer"),
]


ROLES = ["Viewer", "Operator", "Administrator"]


def routes():
    """Yield each route of the API as the URLconf has it: its name, path and methods."""
    for path, pattern in _patterns(get_resolver(), ""):
        if path.startswith("api/"):
            actions = getattr(pattern.callback, "actions", None)
            methods = actions or pattern.callback.cls().allowed_methods
            yield pattern.name, path, {method.upper() for method in methods}


def _patterns(resolver, prefix):
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from _patterns(pattern, path)
        else:
            yield path, pattern


PATHS = {name: path for name, path, _ in routes()}
EACH = pytest.mark.parametrize(("route", "method", "right", "least"), MATRIX)
