from typing import Any

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from tasks.api.views.assist import AssistView
from tasks.api.views.audit import AuditView
from tasks.api.views.budget_settings import BudgetSettingsView
from tasks.api.views.budgets import BudgetViewSet
from tasks.api.views.catalog import RuntimesView
from tasks.api.views.documents import DocumentViewSet
from tasks.api.views.events import EventsView
from tasks.api.views.messages import MessageViewSet
from tasks.api.views.notifications import (
    MarkAllReadView,
    NotificationsView,
    NotificationView,
    RespondView,
)
from tasks.api.views.permission_rules import RuleViewSet
from tasks.api.views.profiles import ProfileViewSet
from tasks.api.views.projects import ProjectDocumentsView, ProjectViewSet
from tasks.api.views.schedules import ScheduleViewSet
from tasks.api.views.task_files import (
    TaskArchiveView,
    TaskDiffView,
    TaskFilesView,
    TaskFileView,
)
from tasks.api.views.task_runs import TaskRunViewSet
from tasks.api.views.tasks import TaskViewSet
from tasks.api.views.usage import UsageView
from tasks.api.views.webhooks import WebhookViewSet
from tasks.api.views.workflow_documents import WorkflowDocumentsView
from tasks.api.views.workflows import WorkflowViewSet
from tasks.api.views.workflows_from_assist import WorkflowFromAssistView


class IdConverter(StringConverter):
    """Any one segment of a path that a database takes as text."""

    regex = "[^/\x00]+"


class FilePathConverter(StringConverter):
    """A path in a task's folder: any characters that a name can have."""

    regex = "[^\x00]+"


register_converter(IdConverter, "id")
register_converter(FilePathConverter, "file_path")

Actions = dict[str, Any]  # HTTP method -> method of the view set
_LIST: Actions = {"get": "list", "post": "create"}
_ONE: Actions = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
_PUT: Actions = {"put": "update"}
TASK = "tasks/<id:task_id>"
SCHEDULE = "schedules/<id:schedule_id>"
WEBHOOK = "webhooks/<id:webhook_id>"
WORKFLOW = "workflows/<id:workflow_id>"

urlpatterns = [
    path("tasks", TaskViewSet.as_view(_LIST), name="tasks"),
    path("tasks/assist", AssistView.as_view(), name="task-assist"),
    path(TASK, TaskViewSet.as_view(_ONE), name="task"),
    path(
        f"{TASK}/execute",
        TaskRunViewSet.as_view({"post": "execute"}),
        name="task-execute",
    ),
    path(
        f"{TASK}/resume", TaskRunViewSet.as_view({"post": "resume"}), name="task-resume"
    ),
    path(
        f"{TASK}/cancel", TaskRunViewSet.as_view({"post": "cancel"}), name="task-cancel"
    ),
    path(f"{TASK}/messages", MessageViewSet.as_view(_LIST), name="task-messages"),
    path(f"{TASK}/respond", RespondView.as_view(), name="task-respond"),
    path(
        f"{TASK}/output", TaskRunViewSet.as_view({"get": "output"}), name="task-output"
    ),
    path(f"{TASK}/logs", TaskRunViewSet.as_view({"get": "logs"}), name="task-logs"),
    path(
        f"{TASK}/provenance",
        TaskViewSet.as_view({"get": "provenance"}),
        name="task-provenance",
    ),
    path(
        f"{TASK}/siblings",
        TaskViewSet.as_view({"get": "siblings"}),
        name="task-siblings",
    ),
    path(f"{TASK}/files", TaskFilesView.as_view(), name="task-files"),
    path(f"{TASK}/files.zip", TaskArchiveView.as_view(), name="task-archive"),
    path(f"{TASK}/files/<file_path:path>", TaskFileView.as_view(), name="task-file"),
    path(f"{TASK}/diff", TaskDiffView.as_view(), name="task-diff"),
    path("projects", ProjectViewSet.as_view(_LIST), name="projects"),
    path("projects/<id:project_id>", ProjectViewSet.as_view(_ONE), name="project"),
    path(
        "projects/<id:project_id>/documents",
        ProjectDocumentsView.as_view(),
        name="project-documents",
    ),
    path("documents", DocumentViewSet.as_view(_LIST), name="documents"),
    path(
        "documents/<id:document_id>",
        DocumentViewSet.as_view(_ONE),
        name="document",
    ),
    path(
        "documents/<id:document_id>/file",
        DocumentViewSet.as_view({"get": "file"}),
        name="document-file",
    ),
    path(
        "documents/<id:document_id>/versions",
        DocumentViewSet.as_view({"get": "versions"}),
        name="document-versions",
    ),
    path(
        "documents/<id:document_id>/content",
        DocumentViewSet.as_view({"get": "content"}),
        name="document-content",
    ),
    path("events", EventsView.as_view(), name="events"),
    path("notifications", NotificationsView.as_view(), name="notifications"),
    path(
        "notifications/mark-all-read",
        MarkAllReadView.as_view(),
        name="notifications-mark-all-read",
    ),
    path(
        "notifications/<id:notification_id>",
        NotificationView.as_view(),
        name="notification",
    ),
    path("permissions", RuleViewSet.as_view(_LIST), name="rules"),
    path(
        "permissions/<id:rule_id>",
        RuleViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="rule",
    ),
    path("workflows", WorkflowViewSet.as_view(_LIST), name="workflows"),
    path(
        "workflows/from-assist",
        WorkflowFromAssistView.as_view(),
        name="workflow-from-assist",
    ),
    path(WORKFLOW, WorkflowViewSet.as_view(_ONE), name="workflow"),
    *(
        path(
            f"{WORKFLOW}/{name}",
            WorkflowViewSet.as_view({method: name}),
            name=f"workflow-{name}",
        )
        for name, method in {
            "execute": "post",
            "resume": "post",
            "stop": "post",
            "status": "get",
            "target": "get",
        }.items()
    ),
    path(
        f"{WORKFLOW}/steps/<id:step_id>/retry",
        WorkflowViewSet.as_view({"post": "retry"}),
        name="workflow-step-retry",
    ),
    path(
        f"{WORKFLOW}/documents",
        WorkflowDocumentsView.as_view(),
        name="workflow-documents",
    ),
    path("profiles", ProfileViewSet.as_view(_LIST), name="profiles"),
    path(
        "profiles/<id:profile_id>", ProfileViewSet.as_view(_ONE | _PUT), name="profile"
    ),
    path("budgets", BudgetViewSet.as_view(_LIST), name="budgets"),
    path("budgets/<id:budget_id>", BudgetViewSet.as_view(_ONE), name="budget"),
    path("settings/budgets", BudgetSettingsView.as_view(), name="settings-budgets"),
    path("usage", UsageView.as_view(), name="usage"),
    path("schedules", ScheduleViewSet.as_view(_LIST), name="schedules"),
    path(
        "schedules/parse",
        ScheduleViewSet.as_view({"post": "parse"}),
        name="schedule-parse",
    ),
    path(SCHEDULE, ScheduleViewSet.as_view(_ONE), name="schedule"),
    path(
        f"{SCHEDULE}/execute",
        ScheduleViewSet.as_view({"post": "execute"}),
        name="schedule-execute",
    ),
    path(
        f"{SCHEDULE}/heartbeat-history",
        ScheduleViewSet.as_view({"get": "heartbeat_history"}),
        name="schedule-heartbeat-history",
    ),
    path("webhooks", WebhookViewSet.as_view(_LIST), name="webhooks"),
    path(WEBHOOK, WebhookViewSet.as_view(_ONE), name="webhook"),
    path(
        f"{WEBHOOK}/test",
        WebhookViewSet.as_view({"post": "test"}),
        name="webhook-test",
    ),
    path(
        f"{WEBHOOK}/deliveries",
        WebhookViewSet.as_view({"get": "deliveries"}),
        name="webhook-deliveries",
    ),
    path(
        f"{WEBHOOK}/deliveries/<id:delivery_id>",
        WebhookViewSet.as_view({"get": "delivery"}),
        name="webhook-delivery",
    ),
    path(
        f"{WEBHOOK}/deliveries/<id:delivery_id>/redeliver",
        WebhookViewSet.as_view({"post": "redeliver"}),
        name="webhook-redeliver",
    ),
    path("audit", AuditView.as_view(), name="audit-entries"),
    path("runtimes", RuntimesView.as_view(), name="runtimes"),
]
