"""Lets the ready groups see and change stored profiles, where their role does."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from tasks.access import roles


def give_rights(apps, schema_editor):
    using = schema_editor.connection.alias
    config = apps.get_app_config("tasks")
    config.models_module = True
    create_permissions(config, verbosity=0, apps=apps, using=using)
    config.models_module = None
    roles.give_new_rights(apps, ["tasks.storedprofile"], using=using)


class Migration(migrations.Migration):

    dependencies = [
        ('tasks', '0037_stored_profiles'),
    ]

    operations = [
        migrations.RunPython(give_rights, migrations.RunPython.noop),
    ]
