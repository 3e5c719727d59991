"""The first member of an archive: what made it, and of which schema it is."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

FORMAT = 1
NAME = "stagent-backup.json"

Migrations = list[tuple[str, str]]


@dataclass(frozen=True)
class Manifest:
    """What is in a backup, and of which version."""

    format: int
    made_at: str
    database: str  # sqlite or postgresql
    migrations: Migrations

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=2).encode()


def describe() -> Manifest:
    """Describe the database as it is seen in this transaction."""
    applied = MigrationRecorder(connection).applied_migrations()
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    return Manifest(FORMAT, made_at, connection.vendor, sorted(applied))


def read(text: bytes) -> Manifest:
    """Read it, or raise ValueError or TypeError where it is none."""
    fields = json.loads(text)
    fields["migrations"] = [(app, name) for app, name in fields["migrations"]]
    return Manifest(**fields)


def why_not_here(manifest: Manifest) -> str:
    """Say why this code and database cannot take what `manifest` describes; "" if they can."""
    if manifest.format != FORMAT:
        return f"It has format {manifest.format}; this version reads {FORMAT}."
    if manifest.database != connection.vendor:
        return (
            f"It is of {manifest.database}, and the database here is {connection.vendor}."
            " DATABASE_URL says which one is used."
        )
    loader = MigrationLoader(None)
    ours = {app for app, _ in loader.disk_migrations}
    unknown = [
        f"{app}.{name}"
        for app, name in manifest.migrations
        if app in ours and (app, name) not in loader.disk_migrations
    ]
    if unknown:
        return (
            f"It is of a newer version, with migrations that this one does not know"
            f" ({unknown[0]}). Restore it with that version."
        )
    return ""
