from django.db import migrations, models


def add_rule(apps, schema_editor):
    """Allow reads inside the workspace by a rule that operators see and can remove."""
    rules = apps.get_model("tasks", "PermissionRule").objects
    rules.using(schema_editor.connection.alias).create(
        pattern="read:/**", effect="allow", created_by="Stagent"
    )


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
        # Going back leaves the rule: it may have been removed and made anew by a person.
        migrations.RunPython(add_rule, migrations.RunPython.noop, elidable=False),
    ]
