import logging

from django.contrib.auth.management import create_permissions
from django.db import migrations

from tasks.access import roles

log = logging.getLogger("tasks.migrations")


def make_groups(apps, schema_editor):
    """Make the groups Viewer, Operator and Administrator, where a site has none of that name."""
    # Django makes the permissions only when all migrations are done; those to come are theirs.
    for label in ("ledger", "tasks"):
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, verbosity=0, apps=apps, using=_alias(schema_editor))
        config.models_module = None
    roles.make_groups(apps, using=_alias(schema_editor))


def keep_access(apps, schema_editor):
    """Put the users of tokens who have no right at all into the group Administrator.

    Until now a token could do everything, whatever its user's rights. Who was given rights
    has those from now on, and no more.
    """
    using = _alias(schema_editor)
    group = apps.get_model("auth", "Group").objects.using(using)
    administrators = group.get(name=roles.ADMINISTRATOR)
    for user in _users_of_tokens(apps, using):
        has_rights = user.groups.exists() or user.user_permissions.exists()
        if has_rights:
            log.warning(
                "The API token of “%s” may from now on do only what that user's rights"
                " say. Change them in the admin under Users.",
                user.username,
            )
            continue
        user.groups.add(administrators)
        log.warning(
            "“%s”, who has an API token and no rights, is now in the group %s, so that the"
            " token goes on working. Lessen it in the admin under Users.",
            user.username,
            administrators.name,
        )


def _users_of_tokens(apps, using):
    tokens = apps.get_model("tasks", "ApiToken").objects.using(using)
    users = apps.get_model("auth", "User").objects.using(using)
    owners = tokens.values("user_id")
    return users.filter(pk__in=owners, is_superuser=False).order_by("pk")


def _alias(schema_editor):
    return schema_editor.connection.alias


class Migration(migrations.Migration):
    dependencies = [
        ("tasks", "0007_delivered_answers"),
        ("ledger", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    # Going back leaves groups and memberships: they are the site's by then.
    operations = [
        migrations.RunPython(make_groups, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(keep_access, migrations.RunPython.noop, elidable=True),
    ]
