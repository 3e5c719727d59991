"""Databases of live sites: their tables are made once in a run of the tests, then copied.

To make them takes longer than all else at a server's first start.
"""

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
SQLITE_FILE = "stagent.sqlite3"


@contextmanager
def own_database(home: Path, *, is_empty: bool = False) -> Iterator[dict[str, str]]:
    """Give the environment for a database of a test's own, with its tables if not `is_empty`."""
    if not is_empty:
        _require_template()
    url = _postgresql()
    if not url:
        if not is_empty:
            _copy_template(home)
        yield {"DATABASE_URL": ""}
        return
    name = f"stagent_live_{secrets.token_hex(6)}"
    source = "" if is_empty else f" TEMPLATE {_template_name()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}{source}")
        try:
            yield {"DATABASE_URL": _on_this_server(name)}
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def drop_template() -> None:
    """Drop what a server of PostgreSQL has of it; the rest goes with the run's folder."""
    if _template().exists() and (url := _postgresql()):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {_template_name()} WITH (FORCE)")


def _template() -> Path:
    return Path(os.environ["STAGENT_TESTS_SHARED"]) / "template"


def _template_name() -> str:
    """Name the template of this run: others may use the same server."""
    return f"stagent_{_template().parent.name}".replace("-", "_").lower()


def _require_template() -> None:
    template = _template()
    with template.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes one makes it
        if not template.exists():
            _make_template(template)


def _make_template(template: Path) -> None:
    draft = template.with_suffix(".draft")
    environment = {**os.environ, "STAGENT_HOME": str(draft), "DATABASE_URL": ""}
    if url := _postgresql():
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {_template_name()}")
        environment["DATABASE_URL"] = _on_this_server(_template_name())
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=200)
    draft.rename(template)


def _copy_template(home: Path) -> None:
    file = home / SQLITE_FILE
    shutil.copyfile(_template() / SQLITE_FILE, file)
    file.chmod(0o600)
    owner = home.stat()
    os.chown(file, owner.st_uid, owner.st_gid)


def _postgresql() -> str:
    url = os.environ.get("DATABASE_URL", "")
    return url if url.startswith("postgres") else ""


def _on_this_server(name: str) -> str:
    return urlunsplit(urlsplit(_postgresql())._replace(path=f"/{name}"))
