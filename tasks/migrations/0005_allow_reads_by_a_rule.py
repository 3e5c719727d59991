from datetime import UTC, datetime

from django.db import migrations, models

RULE = {
    "pattern": "read:/**",
    "effect": "allow",
    "project": None,
    "task": None,
    "created_by": "Stagent",
}
# What stands for the rule where a person removed it: expired, so it allows nothing.
REMOVED = {**RULE, "expires_at": datetime(1970, 1, 1, tzinfo=UTC)}


def add_rule(apps, schema_editor):
    """Allow reads inside the workspace by a rule that operators see and can remove.

    After going back and forth again it stands once if it stood, and not at all if it did not.
    """
    rules = _rules(apps, schema_editor)
    was_removed, _ = rules.filter(**REMOVED).delete()
    if not was_removed and not rules.filter(**RULE).exists():
        rules.create(**RULE)


def keep_as_it_is(apps, schema_editor):
    """Leave the rule, or a note that it was removed: going forward again must not add it."""
    rules = _rules(apps, schema_editor)
    if not rules.filter(**RULE).exists():
        rules.create(**REMOVED)


def _rules(apps, schema_editor):
    rules = apps.get_model("tasks", "PermissionRule").objects
    return rules.using(schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [("tasks", "0004_list_orders")]

    operations = [
        migrations.AlterField(
            model_name="permissionrule",
            name="pattern",
            field=models.CharField(
                help_text="“write:/reports/*”, “run:git status”; a bare kind such as “read” is all of it.",
                max_length=2000,
            ),
        ),
        migrations.RunPython(add_rule, keep_as_it_is, elidable=False),
    ]
