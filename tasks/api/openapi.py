"""The OpenAPI description: what every route answers beside what its view declares."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse

from tasks.api.responses.common import BAD_REQUEST, Error

UNAUTHORIZED = OpenApiResponse(Error, "A token or a login is needed.")
FORBIDDEN = OpenApiResponse(
    Error,
    "The user lacks the right that this needs; or the request is from a web page of another"
    " site, or without CSRF token.",
)
NOT_FOUND = OpenApiResponse(Error, "There is no such thing.")
TOO_LARGE = OpenApiResponse(Error, "The body is too large.")
WRONG_TYPE = OpenApiResponse(Error, "The body's content type is not taken.")
UNAVAILABLE = OpenApiResponse(
    Error, "The database is away or held by others; nothing was changed."
)
ANOTHER_REQUEST = OpenApiResponse(
    Error, "This Idempotency-Key was used for another request."
)
RETRY_AFTER = {
    "429": "In how many seconds the budget's window ends, where waiting helps.",
    "503": "In how many seconds to try again.",
}

# Clients name their methods after these.
OPERATIONS = {
    "GET /api/tasks": "listTasks",
    "POST /api/tasks": "createTask",
    "POST /api/tasks/assist": "assistTask",
    "GET /api/tasks/{task_id}": "getTask",
    "PATCH /api/tasks/{task_id}": "updateTask",
    "DELETE /api/tasks/{task_id}": "deleteTask",
    "POST /api/tasks/{task_id}/execute": "executeTask",
    "POST /api/tasks/{task_id}/resume": "resumeTask",
    "POST /api/tasks/{task_id}/cancel": "cancelTask",
    "GET /api/tasks/{task_id}/messages": "listTaskMessages",
    "POST /api/tasks/{task_id}/messages": "tellTask",
    "POST /api/tasks/{task_id}/respond": "respondToPermissionRequest",
    "GET /api/tasks/{task_id}/output": "getTaskOutput",
    "GET /api/tasks/{task_id}/logs": "streamTaskLogs",
    "GET /api/tasks/{task_id}/provenance": "getTaskProvenance",
    "GET /api/tasks/{task_id}/siblings": "listTaskSiblings",
    "GET /api/tasks/{task_id}/files": "listTaskFiles",
    "GET /api/tasks/{task_id}/files/{path}": "downloadTaskFile",
    "GET /api/tasks/{task_id}/files.zip": "downloadTaskArchive",
    "GET /api/tasks/{task_id}/diff": "getTaskDiff",
    "GET /api/events": "streamEvents",
    "GET /api/webhooks": "listWebhooks",
    "POST /api/webhooks": "createWebhook",
    "GET /api/webhooks/{webhook_id}": "getWebhook",
    "PATCH /api/webhooks/{webhook_id}": "updateWebhook",
    "DELETE /api/webhooks/{webhook_id}": "deleteWebhook",
    "POST /api/webhooks/{webhook_id}/test": "testWebhook",
    "GET /api/webhooks/{webhook_id}/deliveries": "listDeliveries",
    "GET /api/webhooks/{webhook_id}/deliveries/{delivery_id}": "getDelivery",
    "POST /api/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": "redeliverDelivery",
    "GET /api/notifications": "listNotifications",
    "GET /api/notifications/{notification_id}": "getNotification",
    "PATCH /api/notifications/{notification_id}": "markNotification",
    "PATCH /api/notifications/mark-all-read": "markAllNotifications",
    "GET /api/permissions": "listPermissionRules",
    "POST /api/permissions": "createPermissionRule",
    "GET /api/permissions/{rule_id}": "getPermissionRule",
    "DELETE /api/permissions/{rule_id}": "deletePermissionRule",
    "GET /api/projects": "listProjects",
    "POST /api/projects": "createProject",
    "GET /api/projects/{project_id}": "getProject",
    "PATCH /api/projects/{project_id}": "updateProject",
    "DELETE /api/projects/{project_id}": "deleteProject",
    "GET /api/documents": "listDocuments",
    "POST /api/documents": "uploadDocument",
    "GET /api/documents/{document_id}": "getDocument",
    "DELETE /api/documents/{document_id}": "deleteDocument",
    "PATCH /api/documents/{document_id}": "updateDocument",
    "GET /api/documents/{document_id}/file": "downloadDocumentFile",
    "GET /api/documents/{document_id}/versions": "listDocumentVersions",
    "GET /api/projects/{project_id}/documents": "listProjectDocuments",
    "PUT /api/projects/{project_id}/documents": "setProjectDocuments",
    "GET /api/documents/{document_id}/content": "downloadDocument",
    "GET /api/workflows": "listWorkflows",
    "POST /api/workflows": "createWorkflow",
    "POST /api/workflows/from-assist": "createWorkflowFromAssist",
    "GET /api/workflows/{workflow_id}": "getWorkflow",
    "PATCH /api/workflows/{workflow_id}": "updateWorkflow",
    "DELETE /api/workflows/{workflow_id}": "deleteWorkflow",
    "POST /api/workflows/{workflow_id}/execute": "executeWorkflow",
    "POST /api/workflows/{workflow_id}/resume": "resumeWorkflow",
    "POST /api/workflows/{workflow_id}/stop": "stopWorkflow",
    "GET /api/workflows/{workflow_id}/status": "getWorkflowStatus",
    "GET /api/workflows/{workflow_id}/target": "getWorkflowTarget",
    "POST /api/workflows/{workflow_id}/steps/{step_id}/retry": "retryWorkflowStep",
    "GET /api/workflows/{workflow_id}/documents": "listWorkflowDocuments",
    "POST /api/workflows/{workflow_id}/documents": "attachWorkflowDocuments",
    "DELETE /api/workflows/{workflow_id}/documents": "detachWorkflowDocuments",
    "GET /api/profiles": "listProfiles",
    "POST /api/profiles": "createProfile",
    "GET /api/profiles/{profile_id}": "getProfile",
    "PATCH /api/profiles/{profile_id}": "updateProfile",
    "PUT /api/profiles/{profile_id}": "putProfile",
    "DELETE /api/profiles/{profile_id}": "deleteProfile",
    "GET /api/runtimes": "listRuntimes",
    "GET /api/budgets": "listBudgets",
    "POST /api/budgets": "createBudget",
    "GET /api/budgets/{budget_id}": "getBudget",
    "PATCH /api/budgets/{budget_id}": "updateBudget",
    "DELETE /api/budgets/{budget_id}": "deleteBudget",
    "GET /api/settings/budgets": "getBudgetSettings",
    "POST /api/settings/budgets": "setBudgetSettings",
    "GET /api/usage": "getUsage",
    "GET /api/audit": "listAudit",
    "GET /api/schedules": "listSchedules",
    "POST /api/schedules": "createSchedule",
    "POST /api/schedules/parse": "parseInterval",
    "GET /api/schedules/{schedule_id}": "getSchedule",
    "PATCH /api/schedules/{schedule_id}": "updateSchedule",
    "DELETE /api/schedules/{schedule_id}": "deleteSchedule",
    "POST /api/schedules/{schedule_id}/execute": "executeSchedule",
    "GET /api/schedules/{schedule_id}/heartbeat-history": "getHeartbeatHistory",
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Found by being imported."""

    target_class = "tasks.access.authentication.TokenAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class Schema(AutoSchema):
    """Describes an operation with the errors that every route may answer."""

    def get_operation_id(self) -> str:
        return OPERATIONS[f"{self.method} {self.path}"]

    def get_summary(self) -> str:
        """Return the first sentence of the view's docstring; the description is the rest."""
        return self._split_docstring()[0]

    def get_description(self) -> str:  # type: ignore[override]
        return self._split_docstring()[1]

    def _split_docstring(self) -> tuple[str, str]:
        summary, _, description = super().get_description().partition("\n\n")
        return summary.replace("\n", " ").removesuffix("."), description

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        for code, response in self._errors().items():
            if code not in bodies:
                bodies[code] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    response, code
                )
        for code, description in RETRY_AFTER.items():
            if code in bodies:
                header = {"schema": {"type": "integer"}, "description": description}
                bodies[code]["headers"] = {"Retry-After": header}
        return dict(sorted(bodies.items()))

    def _errors(self) -> dict[str, OpenApiResponse]:
        errors = {"401": UNAUTHORIZED, "403": FORBIDDEN, "503": UNAVAILABLE}
        has_body = (
            self.method in {"POST", "PUT", "PATCH"} and self.get_request_serializer()
        )
        if "{" in self.path:
            errors["404"] = NOT_FOUND
        if has_body:
            errors |= {"413": TOO_LARGE, "415": WRONG_TYPE}
        if self.method == "POST":
            errors["422"] = ANOTHER_REQUEST
        if has_body or self.get_override_parameters():
            errors["400"] = BAD_REQUEST
        return errors
