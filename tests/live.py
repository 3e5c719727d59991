"""Real processes of the product, for tests that kill, stop and race them."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx2 as httpx
import psycopg

from tests.live_database import ROOT, SQLITE_FILE, own_database
from tests.waiting import wait_for

LEASE_SECONDS = 2


class Site:
    """One home and database, and whatever processes a test starts on them."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.environment = {
            **{
                k: v
                for k, v in os.environ.items()
                if not k.startswith(("ANTHROPIC", "OPENAI", "PROMETHEUS"))
            },
            "STAGENT_HOME": str(home),
            "STAGENT_ENABLE_ECHO": "1",
            "STAGENT_DEFAULT_RUNTIME": "echo",
            "STAGENT_LEASE_SECONDS": str(LEASE_SECONDS),
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",  # nobody's: no embedded model starts
            **environment,
        }
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=60)
        self.processes: list[subprocess.Popen] = []

    def manage(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=250,
            **options,
        )

    def start(self, *command: str, **environment: str) -> subprocess.Popen:
        with (self.home / "output.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env={**self.environment, **environment},
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def serve(self, *options: str, **environment: str) -> subprocess.Popen:
        """Start the laptop's one process and wait until it answers."""
        process = self.start(
            "manage.py",
            "serve",
            "--port",
            str(self.port),
            "--no-example",
            *options,
            **environment,
        )
        self.wait_until_up(process)
        return process

    def serve_on_uvicorn(self, **environment: str) -> subprocess.Popen:
        return self.serve("--server", "uvicorn", **environment)

    def daphne(self, *options: str) -> subprocess.Popen:
        process = self.start(
            "-m",
            "daphne",
            *options,
            "-b",
            "127.0.0.1",
            "-p",
            str(self.port),
            "stagent.asgi:application",
        )
        self.wait_until_up(process)
        return process

    def uvicorn(self) -> subprocess.Popen:
        process = self.start(
            "-m",
            "uvicorn",
            "--port",
            str(self.port),
            "stagent.asgi:application",
        )
        self.wait_until_up(process)
        return process

    def worker(self) -> subprocess.Popen:
        return self.start("manage.py", "runagents")

    def wait_until_up(self, process: subprocess.Popen) -> None:
        def answers() -> bool:
            assert process.poll() is None, self.output
            try:
                return self.client.get("/api/runtimes").status_code < 500
            except httpx.TransportError:
                return False

        wait_for(answers)

    @property
    def output(self) -> str:
        return (self.home / "output.log").read_text()

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.client.close()

    def rows(self, query: str) -> list[tuple]:
        """Return the rows of `query` on the site's database, past all of its processes."""
        with self._database() as database:
            return database.execute(query).fetchall()

    def execute_sql(self, statement: str) -> None:
        """Change the site's database, past all of its processes."""
        with self._database() as database:
            database.execute(statement)
            database.commit()

    def _database(self) -> closing:
        if url := self.environment["DATABASE_URL"]:
            return closing(psycopg.connect(url))
        return closing(sqlite3.connect(self.home / SQLITE_FILE, timeout=30))

    def end_connections(self) -> None:
        """End what is connected to the database, as a restart of PostgreSQL does."""
        url = self.environment["DATABASE_URL"]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    @contextmanager
    def absent_database(self) -> Iterator[None]:
        """Have the database refuse and end connections, as when PostgreSQL is stopped."""
        url = self.environment["DATABASE_URL"]
        name = urlsplit(url).path.removeprefix("/")
        elsewhere = urlunsplit(urlsplit(url)._replace(path="/postgres"))
        with psycopg.connect(elsewhere, autocommit=True) as connection:
            allow = f"ALTER DATABASE {name} ALLOW_CONNECTIONS"
            connection.execute(f"{allow} false")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s",
                [name],
            )
            try:
                yield
            finally:
                connection.execute(f"{allow} true")

    # --- What clients do -----------------------------------------------------------------

    def queue(self, *script: str, **fields) -> str:
        """Create a queued task that plays `script`, and return its id."""
        body = {"title": "A task", "description": "\n".join(script), **fields}
        created = self.client.post("/api/tasks", json=body)
        assert created.status_code == 201, created.text
        task_id = created.json()["id"]
        moved = self.client.patch(f"/api/tasks/{task_id}", json={"status": "queued"})
        assert moved.status_code == 200, moved.text
        return task_id

    def execute(self, *script: str, **fields) -> str:
        task_id = self.queue(*script, **fields)
        answer = self.client.post(f"/api/tasks/{task_id}/execute")
        assert answer.status_code == 202, answer.text
        return task_id

    def task(self, task_id: str) -> dict:
        return self.client.get(f"/api/tasks/{task_id}").json()

    def wait_for_status(
        self, task_id: str, *statuses: str, seconds: float = 200
    ) -> dict:
        wait_for(lambda: self.task(task_id)["status"] in statuses, seconds=seconds)
        return self.task(task_id)

    def wait_for_log(self, task_id: str, message: str) -> None:
        """Wait until an entry says `message`."""
        for entry in self.follow(task_id):
            if message in entry["message"]:
                return
        raise AssertionError(f"The log ended without {message!r}.")

    def follow(self, task_id: str, after: int = 0) -> Iterator[dict]:
        headers = {"Last-Event-ID": str(after)} if after else {}
        path = f"/api/tasks/{task_id}/logs"
        with self.client.stream("GET", path, headers=headers) as response:
            assert response.status_code == 200, response.read()
            event = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    event = line[len("event: ") :]
                elif line.startswith("data: ") and not event:
                    yield json.loads(line[len("data: ") :])
                elif not line:
                    event = ""

    def pending(self, task_id: str) -> dict:
        """Wait for the task's permission request and return it."""
        path = f"/api/notifications?taskId={task_id}&status=pending"
        wait_for(lambda: self.client.get(path).json())
        return self.client.get(path).json()[0]

    def at_once(self, count: int, method: str, path: str, **options) -> list[int]:
        """Send the same request `count` times at once and return the statuses."""
        statuses: list[int] = []
        barrier = threading.Barrier(count)

        def send() -> None:
            with httpx.Client(base_url=self.url, timeout=60) as client:
                barrier.wait()
                statuses.append(client.request(method, path, **options).status_code)

        threads = [threading.Thread(target=send) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(statuses)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def site(home: Path, *, is_new: bool = False, **environment: str) -> Iterator[Site]:
    """Give a site with its tables made, or one `is_new`, as before its first start."""
    with own_database(home, is_empty=is_new) as database:
        running = Site(home, {**database, **environment})
        try:
            yield running
        finally:
            running.close()


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
