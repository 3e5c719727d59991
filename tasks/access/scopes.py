"""What tokens may be bound to: `read`, `run`, `approve`, `admin`.

A scope is a set of the rights that people have, so one table says for both what a thing needs.
A token may do what its user may and its scopes have; one without scopes, all its user may.
"""

from collections.abc import Iterable
from typing import Any

READ, RUN, APPROVE, ADMIN = "read", "run", "approve", "admin"

SCOPES = {
    READ: "look at tasks, runs, logs, documents, budgets and costs",
    RUN: "create, change, execute, cancel and delete tasks, projects, documents, workflows"
    " and schedules",
    APPROVE: "answer permission requests and questions, and make and remove rules",
    ADMIN: "set budgets, manage tokens and webhooks, read the audit",
}
_RUN = frozenset({"task", "project", "document", "workflow", "schedule"})
_APPROVE = frozenset({"permissionrequest", "permissionrule"})
# Who may look at these could learn who administers, and how, or an address that is a secret.
_ADMIN = frozenset({"apitoken", "auditentry", "webhook"})


def find_scope(right: str) -> str:
    """Return the scope that has a right such as `tasks.view_task`; what is none's is admin's."""
    app, _, name = right.partition(".")
    verb, _, model = name.partition("_")
    if app not in {"tasks", "ledger"} or model in _ADMIN:
        return ADMIN
    if verb == "view":
        return READ
    if model in _RUN:
        return RUN
    return APPROVE if model in _APPROVE else ADMIN


def allows(scopes: Iterable[str], right: str) -> bool:
    """Tell whether one of the scopes has the right; every scope has those to read."""
    needed = find_scope(right)
    return needed in scopes or (needed == READ and bool(scopes))


def list_scopes(user: Any) -> list[str]:
    """Return the scopes of which a user has a right at least."""
    if user.is_superuser:
        return list(SCOPES)
    found = {find_scope(right) for right in user.get_all_permissions()}
    return [scope for scope in SCOPES if scope in found]
