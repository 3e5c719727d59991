"""The operator's pages: tasks and what belongs to them. They call the verbs of the API."""

from tasks.admin import (
    access,
    budgets,
    login,
    material,
    permissions,
    records,
    rules,
    tasks,
)

__all__ = [
    "access",
    "budgets",
    "login",
    "material",
    "permissions",
    "records",
    "rules",
    "tasks",
]
