"""Tells the book which profile and whose task an entry was of, and counts its days by them.

Here, since runs and tasks know it. In bounded steps, each in a transaction of its own and such
that it may be done again: of entries by their number, of days one at a time.
"""

from datetime import timedelta

from django.db import connections, migrations, transaction

STEP = 20_000  # entries
COUNTS = [
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
]
SIGN = "CASE WHEN corrects_id IS NULL THEN 1 ELSE -1 END"
NAMES = ["spent_microdollars", *COUNTS, "requests", "unpriced_requests"]
SUMS = [
    "coalesce(sum(cost_microdollars), 0)",
    *(f"sum({name})" for name in COUNTS),
    f"sum({SIGN})",
    f"sum(CASE WHEN cost_microdollars IS NULL THEN {SIGN} ELSE 0 END)",
]
ORIGIN = ["task_id", "runtime", "model", "project_id", "profile", "created_by"]
# Of these, days are counted anew: budgets are kept by the others, which are right already.
SCOPES = {"model": "model", "profile": "profile", "creator": "created_by"}


def fill(apps, schema_editor):
    connection = connections[schema_editor.connection.alias]
    entries = apps.get_model("ledger", "LedgerEntry").objects.using(connection.alias)
    last = entries.order_by("-pk").values_list("pk", flat=True).first() or 0
    for start in range(0, last, STEP):
        _execute(connection, NAME_ORIGIN, [start, start + STEP])
    times = entries.order_by("recorded_at").values_list("recorded_at", flat=True)
    if (first := times.first()) is None:
        return
    day, end = first.date(), times.last().date()
    while day <= end:
        with transaction.atomic(using=connection.alias):
            _count_day(connection, day)
        day += timedelta(days=1)


NAME_ORIGIN = """
UPDATE ledger_ledgerentry SET
  profile = coalesce((SELECT profile FROM tasks_run WHERE tasks_run.id = run_id), ''),
  created_by = coalesce((SELECT created_by FROM tasks_task WHERE tasks_task.id = task_id), '')
WHERE id > %s AND id <= %s AND profile = '' AND created_by = ''
"""


def _count_day(connection, day):
    between = [f"{day} 00:00:00", f"{day + timedelta(days=1)} 00:00:00"]
    if connection.vendor == "postgresql":
        between = [f"{moment}+00" for moment in between]
    source = " FROM ledger_ledgerentry WHERE recorded_at >= %s AND recorded_at < %s"
    for scope, column in SCOPES.items():
        _execute(connection, f"DELETE FROM ledger_dailyspend WHERE scope = '{scope}' AND day = %s", [day])
        _count(connection, day, between, scope, column, source)
    nothing = "DELETE FROM ledger_dailyspend WHERE scope = 'project' AND scope_id = '' AND day = %s"
    _execute(connection, nothing, [day])
    _count(connection, day, between, "project", "project_id", f"{source} AND project_id = ''")
    _execute(connection, "DELETE FROM ledger_dailytaskspend WHERE day = %s", [day])
    keys = ", ".join(ORIGIN)
    _execute(
        connection,
        f"INSERT INTO ledger_dailytaskspend (day, {keys}, {', '.join(NAMES)})"
        f" SELECT {_date(connection)}, {keys}, {', '.join(SUMS)}{source} GROUP BY {keys}",
        [day, *between],
    )


def _count(connection, day, between, scope, column, source):
    _execute(
        connection,
        f"INSERT INTO ledger_dailyspend (day, scope, scope_id, {', '.join(NAMES)})"
        f" SELECT {_date(connection)}, '{scope}', {column}, {', '.join(SUMS)}{source} GROUP BY {column}",
        [day, *between],
    )


def _date(connection):
    return "%s::date" if connection.vendor == "postgresql" else "%s"


def _execute(connection, statement, parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, [str(one) if hasattr(one, "isoformat") else one for one in parameters])


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("tasks", "0018_firings_by_workflow_run"),
        ("ledger", "0005_costs_by_dimension"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
