"""What the API answers, for its OpenAPI description alone: views build plain objects.

`tests/tasks/api/test_openapi.py` holds real answers against these, to the last key.
"""

from tasks.api.responses.budgets import Budget, BudgetSettings
from tasks.api.responses.catalog import (
    PROFILE_SOURCES,
    Profile,
    ProfileWithInstructions,
    Runtime,
)
from tasks.api.responses.common import (
    BAD_REQUEST,
    BUDGET_EXCEEDED,
    CHANGED,
    CONFLICT,
    LINK,
    NOT_MODIFIED,
    Error,
    Started,
    Success,
    ValidationError,
)
from tasks.api.responses.documents import Document, DocumentWithText
from tasks.api.responses.files import GONE, TaskFiles
from tasks.api.responses.notifications import Notification
from tasks.api.responses.permission_rules import Rule
from tasks.api.responses.projects import DefaultDocuments, Project
from tasks.api.responses.tasks import Output, Sibling, Task, TaskWithUsage

__all__ = [
    "BAD_REQUEST",
    "BUDGET_EXCEEDED",
    "CHANGED",
    "CONFLICT",
    "GONE",
    "LINK",
    "NOT_MODIFIED",
    "PROFILE_SOURCES",
    "Budget",
    "BudgetSettings",
    "DefaultDocuments",
    "Document",
    "DocumentWithText",
    "Error",
    "Notification",
    "Output",
    "Profile",
    "ProfileWithInstructions",
    "Project",
    "Rule",
    "Runtime",
    "Sibling",
    "Started",
    "Success",
    "Task",
    "TaskFiles",
    "TaskWithUsage",
    "ValidationError",
]
