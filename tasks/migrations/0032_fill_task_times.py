"""Sums up how long the runs of each task took. In bounded steps, which may be done again."""

from django.db import connections, migrations

STEP = 20_000  # tasks
TOOK = {
    "postgresql": "extract(epoch FROM finished_at - started_at) * 1000",
    "sqlite": "(julianday(finished_at) - julianday(started_at)) * 86400000",
}


def fill(apps, schema_editor):
    connection = connections[schema_editor.connection.alias]
    ids = apps.get_model("tasks", "Task").objects.using(connection.alias).order_by("pk").values_list("pk", flat=True)
    last = None
    while some := list((ids if last is None else ids.filter(pk__gt=last))[:STEP]):
        ends = [one if connection.vendor == "postgresql" else one.hex for one in (some[0], some[-1])]
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE tasks_task SET took_milliseconds ="
                f" (SELECT round(sum({TOOK[connection.vendor]})) FROM tasks_run WHERE task_id = tasks_task.id"
                " AND started_at IS NOT NULL AND finished_at >= started_at)"
                " WHERE id BETWEEN %s AND %s",
                ends,
            )
        last = some[-1]


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("tasks", "0031_task_times"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
