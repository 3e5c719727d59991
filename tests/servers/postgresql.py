"""A PostgreSQL of a test's own, which it may stop and start."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests import live


def _programs() -> Path:
    """Return the folder of the newest PostgreSQL's programs, or skip the test."""
    version = lambda folder: int(folder.parent.name)  # noqa: E731
    found = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=version)
    if found:
        return found[-1]
    if initdb := shutil.which("initdb"):
        return Path(initdb).parent
    pytest.skip("PostgreSQL's server is not installed (apt install postgresql).")


class Cluster:
    """A server with its data in a folder. As root it runs as the user `postgres`."""

    def __init__(self, folder: Path) -> None:
        self._programs = _programs()
        self._folder = folder
        self._user = "postgres" if os.geteuid() == 0 else None
        self.port = live.free_port()
        self._url = f"postgres://postgres@127.0.0.1:{self.port}/"
        if self._user:
            shutil.chown(folder, self._user)
        options = ["--username=postgres", "--auth=trust", "--no-sync"]
        self._run("initdb", "-D", str(folder / "data"), *options)
        (folder / "data" / "postgresql.auto.conf").write_text(
            f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nfsync = off\n"
            f"unix_socket_directories = '{folder}'\n"
        )

    def new(self) -> str:
        """Make a database and return its URL."""
        name = f"stagent_{secrets.token_hex(6)}"
        with psycopg.connect(f"{self._url}postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"{self._url}{name}"

    def start(self) -> None:
        self._control("start", "-l", str(self._folder / "log"))

    def stop(self) -> None:
        """End all connections and go."""
        self._control("stop", "-m", "fast")

    def _control(self, verb: str, *options: str) -> None:
        self._run("pg_ctl", "-w", "-D", str(self._folder / "data"), verb, *options)

    def _run(self, program: str, *arguments: str) -> None:
        # Not through pipes: the server would keep them open.
        subprocess.run(
            [self._programs / program, *arguments],
            user=self._user,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )


@contextmanager
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="stagent-postgresql-"))
    try:
        server = Cluster(folder)
        server.start()
        try:
            yield server
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                server.stop()
    finally:
        shutil.rmtree(folder)
