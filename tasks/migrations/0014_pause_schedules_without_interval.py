from django.db import migrations

REASON = "It has no interval yet: it was made when schedules were names only."


def pause(apps, schema_editor):
    """Schedules that were there before have no times to fire at."""
    schedules = apps.get_model("tasks", "Schedule").objects.using(
        schema_editor.connection.alias
    )
    schedules.filter(cron_expression="").update(status="paused", pause_reason=REASON)


class Migration(migrations.Migration):
    dependencies = [("tasks", "0013_schedules")]
    operations = [migrations.RunPython(pause, migrations.RunPython.noop)]
