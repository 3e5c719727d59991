"""The operator's pages: tasks and what belongs to them. They call the verbs of the API."""

from tasks.admin import (
    access,
    audit,
    auditing,
    budgets,
    ledger_pages,
    login,
    material,
    permissions,
    profiles,
    records,
    rules,
    schedules,
    tasks,
    webhooks,
    workflows,
)

__all__ = [
    "access",
    "audit",
    "auditing",
    "budgets",
    "ledger_pages",
    "login",
    "material",
    "permissions",
    "profiles",
    "records",
    "rules",
    "schedules",
    "tasks",
    "webhooks",
    "workflows",
]
