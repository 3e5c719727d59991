from django.db import migrations, models


def mark_delivered(apps, schema_editor):
    """Take every answer so far for heard: none is to be used a second time."""
    requests = apps.get_model("tasks", "PermissionRequest").objects
    answered = requests.using(schema_editor.connection.alias).filter(
        status__in=("allowed", "denied")
    )
    answered.update(delivered_at=models.F("decided_at"))


class Migration(migrations.Migration):
    dependencies = [("tasks", "0006_leaner_indexes")]

    operations = [
        migrations.AddField(
            model_name="permissionrequest",
            name="delivered_at",
            field=models.DateTimeField(
                blank=True, help_text="When the agent heard the answer.", null=True
            ),
        ),
        migrations.RunPython(
            mark_delivered, migrations.RunPython.noop, elidable=True
        ),
    ]
