"""Keep a database of each schema that there was: `python -m tests.upgrades.make_dumps`.

Run it when migrations were added. It goes through them one by one; after each it writes down, as
SQL, a database with tasks that wait: for a worker, and for a person whose worker was killed.
What is kept already stays as it is, whatever becomes of the migrations that made it.
"""

import gzip
import hashlib
import json
import os
import sqlite3
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DUMPS = Path(__file__).parent / "dumps"
OURS = ("ledger", "tasks")
FIRST_WITH_TASKS = ("tasks", "0001_initial")


def main() -> None:
    DUMPS.mkdir(exist_ok=True)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stagent.settings")
    os.environ["DATABASE_URL"] = ""
    with tempfile.TemporaryDirectory() as home:
        os.environ["STAGENT_HOME"] = home
        _go_through()


def _go_through() -> None:
    import django  # noqa: PLC0415  the settings read the environment

    django.setup()
    from django.db import connection  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    has_tasks = False
    for key in _in_order_of_history():
        MigrationExecutor(connection).migrate([key])
        state = MigrationExecutor(connection)._create_project_state(
            with_applied_migrations=True
        )
        has_tasks |= key == FIRST_WITH_TASKS
        file = DUMPS / f"{'.'.join(key)}.sql.gz"
        if has_tasks and not file.exists():
            _dump(state.apps, file)


def _in_order_of_history() -> list[tuple[str, str]]:
    """List our migrations as commits brought them, not as an empty database takes them."""
    files = [f"{app}/migrations/0*.py" for app in OURS]
    log = ("git", "log", "--reverse", "--no-renames", "--diff-filter=A", "--format=")
    added = subprocess.run(
        [*log, "--name-only", "--", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [Path(line) for line in added.stdout.split() if (ROOT / line).exists()]
    return list(dict.fromkeys((path.parts[0], path.stem) for path in paths))


def _dump(apps, file: Path) -> None:
    from django.db import connection, transaction  # noqa: PLC0415

    with transaction.atomic():  # taken back, so that the next schema begins without it
        make_tasks(apps)
        with connection.cursor() as cursor:
            text = "\n".join(_lines(cursor.connection))
        transaction.set_rollback(True)
    file.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(file.name, file.stat().st_size)  # noqa: T201


def _lines(database: sqlite3.Connection):
    return database.iterdump()


def make_tasks(apps) -> None:
    """Make the rows with the models as they were."""
    _queued(apps, "Waits for a worker", "finish: made it")
    run = _queued(apps, "Waits for a person", "ask: write:/a.txt\nfinish: was let")
    from django.utils import timezone  # noqa: PLC0415

    now = timezone.now()
    run.status, run.worker, run.started_at = "running", "a-worker-that-was-killed", now
    run.lease_expires_at = now - timedelta(hours=1)
    run.save()
    action, tool_input = "write:/a.txt", {"path": "/a.txt"}
    canonical = json.dumps([action, tool_input], sort_keys=True, separators=(",", ":"))
    _make(
        apps.get_model("tasks", "PermissionRequest"),
        task_id=run.task_id,
        run_id=run.pk,
        session_id=run.session_id,
        call_id="call-1",
        tool_name="write_file",
        tool_input=tool_input,
        input_digest=hashlib.sha256(canonical.encode()).hexdigest(),
        action=action,
        message="Writing /a.txt",
        status="pending",
    )


def _queued(apps, title: str, script: str):
    task = _make(
        apps.get_model("tasks", "Task"),
        title=title,
        description=script,
        status="running",
        assigned_agent="echo",
    )
    session = _make(apps.get_model("tasks", "Session"), task_id=task.pk, runtime="echo")
    run = _make(
        apps.get_model("tasks", "Run"),
        task_id=task.pk,
        session_id=session.pk,
        attempt=1,
        runtime="echo",
        profile="general",
    )
    for name in ("live_run", "live_run_id"):
        if name in {field.attname for field in task._meta.concrete_fields}:
            setattr(task, name, run.pk)
            task.save()
    return run


def _make(model, **values):
    """Make a row of the columns that there are."""
    there_are = {field.attname for field in model._meta.concrete_fields}
    return model.objects.create(**{k: v for k, v in values.items() if k in there_are})


if __name__ == "__main__":
    main()
