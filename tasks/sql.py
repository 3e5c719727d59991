"""Values written by the database as the API shows them, which spares a conversion a cell."""

from typing import Any

from django.db.models import Func, TextField
from django.db.models.sql.compiler import SQLCompiler

Compiled = tuple[str, Any]


class IsoText(Func):
    """A time as ISO 8601 in UTC with milliseconds and Z."""

    output_field = TextField()

    def as_sqlite(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> Compiled:
        # Cut, not rounded, as everywhere else; a whole second is stored without a fraction.
        cut = "substr(%(expressions)s || '.000', 1, 23)"
        template = f"replace({cut}, ' ', 'T') || 'Z'"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_postgresql(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> Compiled:
        shape = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
        template = f"to_char(%(expressions)s AT TIME ZONE 'UTC', '{shape}')"
        return self.as_sql(compiler, connection, template=template, **extra)
