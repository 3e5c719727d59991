"""Empties the database after a test that commits, in a few milliseconds.

Django truncates every table, and then makes all content types and permissions again.
"""

from django.db import connection, transaction

# No test that commits changes these.
KEPT = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
    "django_migrations",
}


def empty_database() -> None:
    """Delete the rows of the tables that have any: foreign keys are looked at in the end."""
    tables = sorted(
        set(connection.introspection.django_table_names(only_existing=True)) - KEPT
    )
    names = [connection.ops.quote_name(table) for table in tables]
    with transaction.atomic(), connection.cursor() as cursor:
        some = ", ".join(f"EXISTS (SELECT 1 FROM {name})" for name in names)
        cursor.execute(f"SELECT {some}")
        filled = cursor.fetchone()
        # Whoever has a row there may remove entries of the audit.
        cursor.execute("INSERT INTO tasks_auditpruning DEFAULT VALUES")
        for name, is_filled in zip(names, filled, strict=True):
            if is_filled:
                cursor.execute(f"DELETE FROM {name}")
        cursor.execute("DELETE FROM tasks_auditpruning")
