"""The database: SQLite on a laptop, PostgreSQL at a site."""

import os
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from stagent import home
from stagent.settings.site import STAGENT_HOME, STAGENT_LEASE_SECONDS

DATABASE_URL = os.environ.get("DATABASE_URL", "")


def _parse_database_url(**options: Any) -> dict[str, Any]:
    try:
        return dict(dj_database_url.parse(DATABASE_URL, **options))
    except ValueError:  # its text may hold a password
        raise ImproperlyConfigured(
            "DATABASE_URL is no address of a database, such as"
            " postgres://user:password@host:5432/name."
        ) from None


def _database() -> dict[str, Any]:
    if DATABASE_URL and not DATABASE_URL.startswith("sqlite:"):
        postgres = _parse_database_url(conn_max_age=600, conn_health_checks=True)
        # A frozen worker must not hold a task's row for ever.
        frozen = max(STAGENT_LEASE_SECONDS, 10) * 1000
        postgres.setdefault("OPTIONS", {})["options"] = (
            f"-c idle_in_transaction_session_timeout={frozen}"
            # As long as SQLite waits. What holds a row or a table longer is not at work.
            " -c lock_timeout=30000"
        )
        # Seconds. A host that is gone does not say so.
        postgres["OPTIONS"].setdefault("connect_timeout", 5)
        return postgres
    file = STAGENT_HOME / "stagent.sqlite3"
    parsed = _parse_database_url() if DATABASE_URL else {"NAME": str(file)}
    if parsed["NAME"] != ":memory:":
        home.make_database_private(Path(parsed["NAME"]))
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": parsed["NAME"],
        "CONN_MAX_AGE": None,
        # A file in tests too: threads have connections of their own.
        "TEST": {"NAME": str(STAGENT_HOME / "test.sqlite3")},
        "OPTIONS": {
            # Taking the write lock at BEGIN is what makes read-then-write safe.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": (
                "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
                "PRAGMA cache_size=-16000;PRAGMA mmap_size=134217728;"
                "PRAGMA temp_store=MEMORY;"
            ),
        },
    }


DATABASES = {"default": _database()}
