from tasks.models.audit import AuditEntry, AuditPruning, Way
from tasks.models.document import Document, DocumentText
from tasks.models.failed_login import FailedLogins
from tasks.models.idempotency_key import IdempotencyKey
from tasks.models.leftover import Leftover
from tasks.models.log import EventType, LogEntry, NewEntry
from tasks.models.message import Message
from tasks.models.model_list import ModelList
from tasks.models.outbox import OutboxCounter, OutboxEvent, OutboxType
from tasks.models.permission import PermissionRequest
from tasks.models.permission_rule import PermissionRule
from tasks.models.profile import StoredProfile
from tasks.models.project import Project
from tasks.models.run import Run
from tasks.models.run_total import RunTotal
from tasks.models.schedule import Firing, Schedule
from tasks.models.session import Session, SessionItem
from tasks.models.tag import TaskTag
from tasks.models.task import MAX_RESUME_COUNT, Task
from tasks.models.token import ApiToken
from tasks.models.webhook import Delivery, Webhook
from tasks.models.worker import Worker
from tasks.models.workflow import StepRun, Workflow, WorkflowDocument, WorkflowRun

__all__ = [
    "MAX_RESUME_COUNT",
    "ApiToken",
    "AuditEntry",
    "AuditPruning",
    "Delivery",
    "Document",
    "DocumentText",
    "EventType",
    "FailedLogins",
    "Firing",
    "IdempotencyKey",
    "Leftover",
    "LogEntry",
    "Message",
    "ModelList",
    "NewEntry",
    "OutboxCounter",
    "OutboxEvent",
    "OutboxType",
    "PermissionRequest",
    "PermissionRule",
    "Project",
    "Run",
    "RunTotal",
    "Schedule",
    "Session",
    "SessionItem",
    "StepRun",
    "StoredProfile",
    "Task",
    "TaskTag",
    "Way",
    "Webhook",
    "Worker",
    "Workflow",
    "WorkflowDocument",
    "WorkflowRun",
]
