"""The rows of one moment, written to files in a folder and read back: one way a database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql

from stagent.backup.manifest import Manifest, describe

SQLITE_FILE = "database.sqlite3"
CHUNK = 2**20
MIGRATIONS = "django_migrations"


def save(folder: Path) -> Manifest:
    """Write the rows into `folder`, and tell what they are."""
    if connection.vendor == "sqlite":
        return _save_sqlite(folder / SQLITE_FILE)
    return _save_postgresql(folder)


def load(folder: Path, manifest: Manifest) -> None:
    """Put the rows in place of those that are there, then bring them to this version."""
    if connection.vendor == "sqlite":
        _load_sqlite(folder / SQLITE_FILE)
    else:
        _load_postgresql(folder, manifest)
    call_command("migrate", verbosity=0, interactive=False)


def find_documents_in(folder: Path) -> set[str]:
    """List the documents' files that the saved rows name."""
    query = "SELECT file FROM tasks_document"
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(folder / SQLITE_FILE)) as saved:
            return {name for (name,) in saved.execute(query) if name}
    names = (folder / "documents.list").read_text().splitlines()
    return {name for name in names if name}


# --- SQLite ------------------------------------------------------------------------------


def _save_sqlite(file: Path) -> Manifest:
    connection.ensure_connection()
    with closing(sqlite3.connect(file)) as copy:
        # Writers go on; what they write meanwhile is copied, too.
        connection.connection.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        applied = copy.execute(f"SELECT app, name FROM {MIGRATIONS}")  # noqa: S608
        manifest = describe()
        return Manifest(
            manifest.format,
            manifest.made_at,
            manifest.database,
            sorted((app, name) for app, name in applied),
        )


def _load_sqlite(file: Path) -> None:
    connection.ensure_connection()
    with closing(sqlite3.connect(file)) as saved:
        saved.backup(connection.connection)
    connection.close()  # it is in another mode now; the next one sets its own


# --- PostgreSQL --------------------------------------------------------------------------


def _save_postgresql(folder: Path) -> Manifest:
    with _snapshot() as cursor:
        manifest = describe()
        for table in _tables():
            with (folder / f"{table}.copy").open("wb") as file:
                _copy_out(
                    cursor, sql.SQL("COPY {} TO STDOUT").format(_name(table)), file
                )
        with (folder / "documents.list").open("wb") as file:
            names = "COPY (SELECT file FROM tasks_document) TO STDOUT"
            _copy_out(cursor, sql.SQL(names), file)
    return manifest


@contextmanager
def _snapshot() -> Iterator[Any]:
    """Give a cursor of psycopg's that sees the rows of one moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield cursor.cursor


def _copy_out(cursor: Any, statement: sql.Composable, file: Any) -> None:
    with cursor.copy(statement) as copying:
        for part in copying:
            file.write(part)


def _load_postgresql(folder: Path, manifest: Manifest) -> None:
    tables = [file.stem for file in sorted(folder.glob("*.copy"))]
    _drop_all()
    _migrate_to(manifest)
    with transaction.atomic(), connection.cursor() as cursor:
        listed = sql.SQL(", ").join(map(_name, tables))
        cursor.execute(sql.SQL("TRUNCATE {} CASCADE").format(listed))
        for table in tables:
            statement = sql.SQL("COPY {} FROM STDIN").format(_name(table))
            with (
                cursor.cursor.copy(statement) as copying,
                (folder / f"{table}.copy").open("rb") as file,
            ):
                while part := file.read(CHUNK):
                    copying.write(part)
        for reset in _sequences(tables):
            cursor.execute(reset)


def _drop_all() -> None:
    with connection.cursor() as cursor:
        if tables := connection.introspection.table_names(cursor):
            listed = sql.SQL(", ").join(map(_name, tables))
            cursor.execute(sql.SQL("DROP TABLE {} CASCADE").format(listed))


def _migrate_to(manifest: Manifest) -> None:
    """Make the tables as they were when the rows were saved, with the columns in one order."""
    executor = MigrationExecutor(connection)
    wanted = {tuple(key) for key in manifest.migrations}
    nodes = wanted & executor.loader.graph.nodes.keys()
    last = [key for key in nodes if not _has_children(executor, key, nodes)]
    executor.migrate(sorted(last))


def _has_children(executor: MigrationExecutor, key: Any, nodes: set[Any]) -> bool:
    children = executor.loader.graph.node_map[key].children
    return any(child.key in nodes and child.key[0] == key[0] for child in children)


def _sequences(tables: list[str]) -> list[str]:
    """Have new rows get numbers beyond those of the restored ones."""
    models = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.db_table in tables
    ]
    recorder = MigrationRecorder(connection).Migration
    statements: list[str] = connection.ops.sequence_reset_sql(
        no_style(), [*models, recorder]
    )
    return statements


def _tables() -> list[str]:
    names = connection.introspection.django_table_names(
        only_existing=True, include_views=False
    )
    return sorted({*names, MIGRATIONS})


def _name(table: str) -> sql.Composable:
    return sql.Identifier(table)
