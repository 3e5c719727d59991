"""The three ready groups of users, and what each may do: Viewer, Operator, Administrator.

They are Django groups, made once by a migration; from then on they are the site's to change.
Users and groups themselves are managed by superusers alone.
"""

from collections.abc import Iterable
from typing import Any

VIEWER, OPERATOR, ADMINISTRATOR = "Viewer", "Operator", "Administrator"

_RECORDS = (
    *("tasks.task", "tasks.run", "tasks.session", "tasks.logentry"),
    *("tasks.worker", "tasks.firing"),
    *("tasks.permissionrequest", "tasks.permissionrule"),
    *("tasks.project", "tasks.document", "tasks.workflow", "tasks.schedule"),
    *("ledger.ledgerentry", "ledger.budget", "ledger.reservation"),
)
_MATERIAL = (
    *("tasks.task", "tasks.project", "tasks.document"),
    *("tasks.workflow", "tasks.schedule"),
)
_CONTROLS = (
    *("tasks.permissionrule", "ledger.budget", "tasks.apitoken"),
    "tasks.webhook",  # its deliveries are a part of it
    "tasks.storedprofile",  # by which agents may do things unasked
)


def _rights(models: Iterable[str], *verbs: str) -> frozenset[str]:
    """Name the rights as `User.has_perm()` does: `tasks.view_task`."""
    apps_and_models = [model.split(".") for model in models]
    return frozenset(
        f"{app}.{verb}_{model}" for app, model in apps_and_models for verb in verbs
    )


_VIEWER = _rights(_RECORDS, "view")
_OPERATOR = (
    _VIEWER
    | _rights(_MATERIAL, "add", "change", "delete")
    | {"tasks.change_permissionrequest"}  # which is to decide it
)
_ADMINISTRATOR = (
    _OPERATOR
    | _rights(_CONTROLS, "view", "add", "change", "delete")
    | {"tasks.view_auditentry"}  # which nobody writes
)

# From the least to the most.
ROLES: dict[str, frozenset[str]] = {
    VIEWER: _VIEWER,
    OPERATOR: _OPERATOR,
    ADMINISTRATOR: _ADMINISTRATOR,
}


def least_with(right: str) -> str | None:
    """Return the role that has `right` and the fewest others."""
    return next((name for name, rights in ROLES.items() if right in rights), None)


def make_groups(apps: Any, using: str | None = None) -> None:
    """Make the groups that are not there. `apps` is a registry, also a migration's."""
    groups = apps.get_model("auth", "Group").objects.using(using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    found = {
        f"{row.content_type.app_label}.{row.codename}": row
        for row in permissions.select_related("content_type")
    }
    for name, rights in ROLES.items():
        group, is_new = groups.get_or_create(name=name)
        if is_new:
            group.permissions.set(found[right] for right in rights & found.keys())


def give_new_rights(apps: Any, models: Iterable[str], using: str | None = None) -> None:
    """Give the ready groups their rights on `models` that came later than they did.

    For migrations. A group that a site has removed or renamed stays away.
    """
    groups = apps.get_model("auth", "Group").objects.using(using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    new = _rights(models, "view", "add", "change", "delete")
    found = {
        f"{row.content_type.app_label}.{row.codename}": row
        for row in permissions.select_related("content_type")
    }
    for group in groups.filter(name__in=ROLES):
        wanted = ROLES[group.name] & new & found.keys()
        group.permissions.add(*(found[right] for right in wanted))
