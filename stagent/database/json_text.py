"""Values as the API shows them, written by the database, which spares a conversion a cell."""

from datetime import UTC, datetime
from itertools import chain
from typing import Any

from django.db.models import Func, Lookup, TextField, UUIDField, Value
from django.db.models.sql.compiler import SQLCompiler

Compiled = tuple[str, Any]


def iso_text(moment: datetime) -> str:
    """Write a time as `IsoText` does: ISO 8601 in UTC with milliseconds and Z."""
    return (
        moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


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


class UuidText(Func):
    """A UUID with its dashes, which a database without UUIDs does not keep."""

    output_field = TextField()

    def as_sqlite(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> Compiled:
        places = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
        template = " || '-' || ".join(
            f"substr(%(expressions)s, {start}, {length})" for start, length in places
        )
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_postgresql(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> Compiled:
        return self.as_sql(
            compiler, connection, template="%(expressions)s::text", **extra
        )


class KeyText(Func):
    """A UUID as text, in whichever form the database has at hand."""

    output_field = TextField()
    template = "%(expressions)s"

    def as_postgresql(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> Compiled:
        return self.as_sql(
            compiler, connection, template="%(expressions)s::text", **extra
        )


class JsonOf(Func):
    """Text that is JSON, to be part of a `JsonText` as what it says."""

    output_field = TextField()
    function = "json"

    def as_postgresql(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> Compiled:
        return self.as_sql(
            compiler, connection, template="%(expressions)s::json", **extra
        )


@UUIDField.register_lookup
class Among(Lookup):
    """A UUID that is one of a JSON array of `KeyText`, which is one parameter however long."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sqlite(self, compiler: SQLCompiler, connection: Any) -> Compiled:
        return self._as_sql(compiler, connection, "SELECT value FROM json_each({})")

    def as_postgresql(self, compiler: SQLCompiler, connection: Any) -> Compiled:
        some = "SELECT value::uuid FROM json_array_elements_text({}::json)"
        return self._as_sql(compiler, connection, some)

    def _as_sql(self, compiler: SQLCompiler, connection: Any, some: str) -> Compiled:
        key, key_parameters = self.process_lhs(compiler, connection)
        text, parameters = self.process_rhs(compiler, connection)
        return f"{key} IN ({some.format(text)})", [*key_parameters, *parameters]


class JsonText(Func):
    """An object as JSON text, with its keys in the order that they are given in."""

    output_field = TextField()

    def __init__(self, **values: Any) -> None:
        names = map(Value, values)
        super().__init__(*chain.from_iterable(zip(names, values.values(), strict=True)))

    def as_sqlite(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> Compiled:
        return self.as_sql(compiler, connection, function="json_object", **extra)

    def as_postgresql(
        self, compiler: SQLCompiler, connection: Any, **extra: Any
    ) -> Compiled:
        # Not JSONObject: that is jsonb, which sorts the keys by their length.
        template = "json_build_object(%(expressions)s)::text"
        return self.as_sql(compiler, connection, template=template, **extra)
