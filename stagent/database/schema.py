"""Whether the tables in the database are those of this very code."""

from collections.abc import Iterable
from functools import cache

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

SHOWN = 3


def mismatch() -> str:
    """Say for people what is amiss and what to do; "" if nothing is. It takes 0.2 s.

    Raises OperationalError where the database does not answer.
    """
    executor = MigrationExecutor(connection)
    loader = executor.loader
    plan = executor.migration_plan(loader.graph.leaf_nodes())
    if plan:
        lacking = _list_names((one.app_label, one.name) for one, _ in plan)
        return (
            f"The database lacks migrations of this version ({lacking})."
            " Run `manage.py migrate`, then start again."
        )
    if unknown := _find_unknown(loader):
        return (
            f"The database is of a newer version: it has migrations that this one does not"
            f" know ({_list_names(unknown)}). Update the code, or have the newer version take"
            " them back with `manage.py migrate`."
        )
    return ""


def lacks_migrations() -> bool:
    """Tell it in one query: which migrations there are is read from the disk once, in 0.2 s."""
    applied = MigrationRecorder(connection).applied_migrations()
    return not _find_on_disk() <= applied.keys()


@cache
def _find_on_disk() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)


def _find_unknown(loader: MigrationLoader) -> list[tuple[str, str]]:
    known = set(loader.disk_migrations)
    for migration in loader.disk_migrations.values():
        known.update(migration.replaces)
    applied = loader.applied_migrations or {}
    ours = loader.migrated_apps
    return [key for key in applied if key[0] in ours and key not in known]


def _list_names(keys: Iterable[tuple[str, str]]) -> str:
    names = [".".join(key) for key in keys]
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
