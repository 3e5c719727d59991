"""Sums up what the book has of each model so far."""

from django.db import migrations

COUNTS = [
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
]
SIGN = "CASE WHEN corrects_id IS NULL THEN 1 ELSE -1 END"
FILL = f"""
INSERT INTO ledger_modeltotal
  (provider, model, spent_microdollars, {', '.join(COUNTS)}, requests, unpriced_requests)
SELECT provider, model, coalesce(sum(cost_microdollars), 0), {', '.join(f'sum({name})' for name in COUNTS)},
  sum({SIGN}), sum(CASE WHEN cost_microdollars IS NULL THEN {SIGN} ELSE 0 END)
FROM ledger_ledgerentry GROUP BY provider, model
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0006_model_totals'),
    ]

    operations = [
        migrations.RunSQL(FILL, "DELETE FROM ledger_modeltotal"),
    ]
