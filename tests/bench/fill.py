"""Fills an empty, migrated database with realistic rows: `python -m tests.bench.fill 1000000`.

Of each task one run, session, ledger entry, three log entries and, of every third, a
permission request. It takes a minute or two for a million, on either database.
"""

import json
import os
import random
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stagent.settings")
django.setup()

from django.apps import apps  # noqa: E402
from django.db import connection, transaction  # noqa: E402

PROJECTS = 1_000
DAYS = 365
CHUNK = 20_000
STATUSES = ["completed"] * 88 + ["failed"] * 8 + ["cancelled"] * 3 + ["planned"]
RUNTIMES = ["claude-code", "openai-codex-app-server", "anthropic-direct", "ollama"]
MODELS = ["claude-sonnet-4-6", "gpt-5.5", "claude-haiku-4-5", "llama3.2"]

Row = tuple[object, ...]

TABLES = {
    "tasks_project": "id name description created_at updated_at",
    "tasks_task": "id title description project_id status priority assigned_agent agent_profile"
    " created_by result output_schema resume_count log_sequence created_at updated_at"
    " is_assist took_milliseconds tags",
    "tasks_tasktag": "task_id name",
    "tasks_session": "id task_id runtime state created_at updated_at",
    "tasks_run": "id task_id session_id attempt status runtime profile is_resume started_by"
    " priority worker error traceback queued_at started_at finished_at losses is_follow_up",
    "tasks_logentry": "task_id run_id sequence event_type message data recorded_at",
    "tasks_permissionrequest": "id task_id run_id session_id call_id tool_name tool_input"
    " input_digest action message status decided_input decision_message decided_by decided_at"
    " created_at delivered_at is_question",
    "ledger_ledgerentry": "task_id run_id project_id runtime profile created_by provider model key"
    " input_tokens"
    " cache_read_tokens cache_write_tokens cache_write_1h_tokens output_tokens"
    " cost_microdollars price_source reason recorded_at",
}


def fill(tasks: int) -> None:
    """Insert `tasks` tasks and what belongs to them; the same rows at every call."""
    chance = random.Random(1)
    now = datetime.now(UTC).replace(microsecond=0)
    projects = [f"project-{n}" for n in range(PROJECTS)]
    _insert("tasks_project", ((p, p.title(), "", now, now) for p in projects))
    for first in range(0, tasks, CHUNK):
        count = min(CHUNK, tasks - first)
        with transaction.atomic():
            rows: dict[str, list[Row]] = {table: [] for table in TABLES}
            for number in range(first, first + count):
                made_at = now - timedelta(days=DAYS) * (1 - number / tasks)
                for table, row in _task(number, made_at, chance, projects):
                    rows[table].append(row)
            for table, some in rows.items():
                _insert(table, some)
        print(f"\r{first + count:,} of {tasks:,} tasks", end="", flush=True)  # noqa: T201
    print("\nThe days of the ledger …")  # noqa: T201
    days = import_module("tasks.migrations.0019_fill_costs_by_dimension")
    days.SCOPES.update(runtime="runtime", overall="substr(runtime, 1, 0)")
    days.fill(apps, SimpleNamespace(connection=connection))
    with connection.cursor() as cursor:
        cursor.execute(import_module("ledger.migrations.0009_task_totals").FILL)
        cursor.execute("ANALYZE")


def _task(
    number: int, at: datetime, chance: random.Random, projects: list[str]
) -> Iterator[tuple[str, Row]]:
    task_id, session_id, run_id = (_uuid7(at, chance) for _ in range(3))
    project = chance.choice(projects) if number % 10 else None
    status = STATUSES[number % 100]
    kind = number % 4
    runtime, model = RUNTIMES[kind], MODELS[kind]
    priority = chance.choices([0, 1, 2, 3], [2, 18, 70, 10])[0]
    took = chance.randrange(5, 900)
    later = at + timedelta(seconds=took)
    result = f"## Report {number}\n\nAll is well." if status == "completed" else ""
    yield (
        "tasks_task",
        (
            *(_id(task_id), f"Report {number}", "Summarize what happened.", project),
            *(status, priority, runtime, "general", "admin"),
            *(result, "", 0, 3, at, later),
            *(_false(), None if status == "planned" else took * 1_000),
            '["weekly"]' if number % 2 else "[]",
        ),
    )
    if number % 2:
        yield "tasks_tasktag", (_id(task_id), "weekly")
    if status == "planned":
        return
    yield "tasks_session", (_id(session_id), _id(task_id), runtime, "{}", at, later)
    error = "The provider failed." if status == "failed" else ""
    yield (
        "tasks_run",
        (
            *(_id(run_id), _id(task_id), _id(session_id), 1, status, runtime),
            *("general", _false(), "admin", priority, "worker", error, ""),
            *(at, at, later, 0, _false()),
        ),
    )
    for sequence, kind_of_entry in enumerate(("status", "assistant", "usage"), 1):
        yield (
            "tasks_logentry",
            (
                *(_id(task_id), _id(run_id), sequence, kind_of_entry),
                *("Something happened.", "{}", later),
            ),
        )
    if number % 3 == 0:
        yield (
            "tasks_permissionrequest",
            _request(number, task_id, run_id, session_id, at),
        )
    cost = None if number % 1_000 == 0 else chance.randrange(100, 200_000)
    yield (
        "ledger_ledgerentry",
        (
            *(_id(task_id), _id(run_id), project or "", runtime, "general", "admin"),
            *("provider", model),
            *("1", 1_000, 0, 0, 0, 200, cost, "", "", later),
        ),
    )


def _request(number: int, task: UUID, run: UUID, session: UUID, at: datetime) -> Row:
    path = json.dumps({"path": f"/reports/{number}.md"})
    return (
        *(str(task), _id(task), _id(run), _id(session), "call", "write", path),
        *("digest", f"write:/reports/{number}.md", f"Writing to /reports/{number}.md"),
        *("allowed", path, "", "admin", at, at, at, _false()),
    )


def _uuid7(at: datetime, chance: random.Random) -> UUID:
    milliseconds = int(at.timestamp() * 1000)
    value = milliseconds << 80 | chance.getrandbits(80)
    return UUID(int=value & ~(0xF << 76) & ~(3 << 62) | 7 << 76 | 2 << 62)


def _id(value: UUID) -> object:
    return value.hex if connection.vendor == "sqlite" else value


def _false() -> object:
    return 0 if connection.vendor == "sqlite" else False


def _defaults(table: str, named: list[str]) -> dict[str, object]:
    """Return what Django would write into the columns that are not named."""
    model = next(one for one in apps.get_models() if one._meta.db_table == table)
    return {
        field.column: field.get_db_prep_save(field.get_default(), connection)
        for field in model._meta.concrete_fields
        if field.column not in named and not field.null and not field.primary_key
    }


def _insert(table: str, rows: Iterable[Row]) -> None:
    columns = TABLES[table].split()
    more = _defaults(table, columns)
    columns += more
    rows = ((*row, *more.values()) for row in rows)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            command = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
            with cursor.cursor.copy(command) as copy:
                for row in rows:
                    copy.write_row(row)
            return
        places = ", ".join(["%s"] * len(columns))
        command = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
        cursor.executemany(command, list(rows))


if __name__ == "__main__":
    fill(int(sys.argv[1]))
