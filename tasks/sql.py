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
        time = "substr(substr(%(expressions)s, 12) || '.000', 1, 12)"
        template = f"substr(%(expressions)s, 1, 10) || 'T' || {time} || 'Z'"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_postgresql(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> Compiled:
        shape = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
        template = f"to_char(%(expressions)s AT TIME ZONE 'UTC', '{shape}')"
        return self.as_sql(compiler, connection, template=template, **extra)


class UuidText(Func):
    """A UUID with its dashes."""

    output_field = TextField()

    def as_sqlite(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> Compiled:
        cuts = [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)]
        parts = [
            f"substr(%(expressions)s, {start}, {length})" for start, length in cuts
        ]
        return self.as_sql(
            compiler, connection, template=" || '-' || ".join(parts), **extra
        )

    def as_postgresql(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> Compiled:
        return self.as_sql(
            compiler, connection, template="(%(expressions)s)::text", **extra
        )
