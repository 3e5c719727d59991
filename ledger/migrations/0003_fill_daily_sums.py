"""Counts what the ledger holds into the days, which had kept costs alone until now."""

from django.db import migrations

COUNTS = [
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
]
SCOPES = {"overall": "''", "runtime": "runtime", "project": "project_id"}
SIGN = "CASE WHEN corrects_id IS NULL THEN 1 ELSE -1 END"


def fill(apps, schema_editor):
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    day = "(recorded_at AT TIME ZONE 'UTC')::date" if is_postgresql else "date(recorded_at)"
    names = [*COUNTS, "requests", "unpriced_requests"]
    sums = [f"sum({name})" for name in COUNTS]
    sums += [f"sum({SIGN})", f"sum(CASE WHEN cost_microdollars IS NULL THEN {SIGN} ELSE 0 END)"]
    updates = ", ".join(f"{name} = excluded.{name}" for name in names)
    for scope, scope_id in SCOPES.items():
        named = "project_id <> ''" if scope == "project" else "true"
        schema_editor.execute(
            f"INSERT INTO ledger_dailyspend (day, scope, scope_id, spent_microdollars,"
            f" {', '.join(names)})"
            f" SELECT {day}, '{scope}', {scope_id}, 0, {', '.join(sums)}"
            f" FROM ledger_ledgerentry WHERE {named} GROUP BY 1, 3"
            f" ON CONFLICT (scope, scope_id, day) DO UPDATE SET {updates}"
        )


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0002_flat_to_a_million'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
