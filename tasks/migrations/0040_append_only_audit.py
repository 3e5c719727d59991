"""Has the database refuse changes of the audit, and lets administrators read it.

Entries are removed by a transaction alone that has a row in tasks_auditpruning: `manage.py prune`.
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from tasks.access import roles

MESSAGE = "The audit is append-only."

SQLITE = f"""
CREATE TRIGGER audit_no_update BEFORE UPDATE ON tasks_auditentry
BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON tasks_auditentry
WHEN NOT EXISTS (SELECT 1 FROM tasks_auditpruning)
BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END;
"""

POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION tasks_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM tasks_auditpruning) THEN RETURN OLD; END IF;
    END IF;
    RAISE EXCEPTION '{MESSAGE}';
END $$;
CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON tasks_auditentry
FOR EACH ROW EXECUTE FUNCTION tasks_audit_refuse();
"""


def refuse_changes(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL)
        return
    for statement in SQLITE.split("END;"):
        if statement.strip():
            schema_editor.execute(f"{statement}END")


def allow_changes(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER audit_no_change ON tasks_auditentry")
        return
    schema_editor.execute("DROP TRIGGER audit_no_update")
    schema_editor.execute("DROP TRIGGER audit_no_delete")


def give_rights(apps, schema_editor):
    using = schema_editor.connection.alias
    config = apps.get_app_config("tasks")
    config.models_module = True
    create_permissions(config, verbosity=0, apps=apps, using=using)
    config.models_module = None
    roles.give_new_rights(apps, ["tasks.auditentry"], using=using)


class Migration(migrations.Migration):

    dependencies = [
        ('tasks', '0039_audit'),
    ]

    operations = [
        migrations.RunPython(refuse_changes, allow_changes),
        migrations.RunPython(give_rights, migrations.RunPython.noop),
    ]
