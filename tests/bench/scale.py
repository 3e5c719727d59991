"""What each call and page costs on a big database: `python -m tests.bench.scale`.

Fill one with `python -m tests.bench.fill`. Prints the statements, the milliseconds in the
database and, on PostgreSQL, the buffers of each, so that a thousand rows and a million can
be laid side by side.
"""

import os
import sys
import time
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stagent.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from tasks.models import Task  # noqa: E402

PREFIXES = ("SELECT", "WITH")


def urls() -> list[str]:
    done = Task.objects.filter(status="completed", project__isnull=False)
    middle = done.order_by("priority", "-pk")[Task.objects.count() // 5 * 2]
    task, project = middle.pk, middle.project_id
    day, next_day = middle.created_at.date(), middle.created_at.date() + timedelta(1)
    return [
        f"/api/tasks/{task}",
        f"/api/tasks/{task}/output",
        f"/api/tasks/{task}/provenance",
        f"/api/tasks/{task}/siblings",
        "/api/tasks?limit=100",
        "/api/tasks?limit=100&status=running",
        "/api/tasks?limit=100&status=completed",
        f"/api/tasks?limit=100&cursor=2.{task}",
        f"/api/tasks?limit=100&status=failed&cursor=2.{task}",
        f"/api/tasks?limit=100&projectId={project}",
        f"/api/tasks?projectId={project}&status=running",
        f"/api/tasks?limit=100&projectId={project}&status=failed",
        "/api/tasks?limit=100&status=failed,cancelled,running",
        f"/api/tasks?limit=100&status=failed&status=planned&cursor=2.{task}",
        "/api/tasks?limit=100&runtime=ollama&profile=general",
        "/api/tasks?limit=100&runtime=ollama&status=failed",
        "/api/tasks?limit=100&tags=weekly",
        "/api/tasks?limit=100&tags=nothing-has-this",
        "/api/tasks?limit=100&tags=weekly&status=cancelled",
        "/api/tasks?limit=100&search=Report%20999",
        "/api/tasks?limit=100&search=nothing-has-this",
        f"/api/tasks?limit=100&search={str(task)[:13]}",
        f"/api/tasks?limit=100&createdFrom={day}&createdUntil={next_day}",
        f"/api/tasks?limit=100&status=failed,cancelled&createdUntil={next_day}",
        f"/api/tasks?limit=100&updatedFrom={day}&updatedUntil={next_day}",
        f"/api/tasks?limit=100&updatedFrom={day}",
        f"/api/tasks?limit=100&updatedUntil={day}",
        "/api/projects?limit=100",
        f"/api/notifications?taskId={task}&status=pending",
        "/api/notifications?limit=100",
        "/api/budgets",
        "/api/usage",
        f"/api/usage?projectId={project}",
        f"/api/usage?taskId={task}",
        "/api/usage?groupBy=day,model",
        "/api/usage?groupBy=task",
        f"/api/usage?groupBy=day,model&projectId={project}",
        "/admin/",
        "/admin/costs/",
        "/admin/costs/?table=model",
        f"/admin/costs/?table=model&project={project}",
        "/admin/costs/?period=90&model=gpt-5.5",
        "/admin/?ended=30",
        "/admin/approvals/",
        "/admin/approvals/?tab=decided",
        "/admin/audit/",
        "/admin/tasks/task/",
        "/admin/tasks/task/?status__exact=failed",
        "/admin/tasks/task/?o=-7",
        "/admin/tasks/task/?o=-8",
        "/admin/tasks/task/?o=8",
        "/admin/tasks/task/?o=-9",
        "/admin/tasks/task/?o=-8&status__exact=failed",
        "/admin/tasks/task/?assigned_agent=ollama&cost=0.1",
        "/admin/tasks/task/?created_from=2026-03-01&created_to=2026-03-31&o=-8",
        "/admin/tasks/task/?q=nothing-has-this",
        "/admin/tasks/task/?waiting=yes",
        "/admin/tasks/task/?p=10000",
        f"/admin/tasks/task/{task}/change/",
        *(
            f"/admin/tasks/task/{task}/{tab}/"
            for tab in ("files", "log", "runs", "cost", "messages", "history", "edit")
        ),
        "/admin/tasks/logentry/",
        f"/admin/tasks/logentry/?task__id__exact={task}",
        f"/admin/tasks/logentry/?q={task}",
        "/admin/tasks/logentry/?event_type__exact=error",
        "/admin/tasks/logentry/?q=nothing-has-this",
        "/admin/tasks/permissionrequest/",
        "/admin/tasks/permissionrequest/?status=denied",
        "/admin/tasks/permissionrequest/?status=all",
        "/admin/tasks/permissionrequest/?q=nothing-has-this",
        "/admin/tasks/run/",
        "/admin/tasks/run/?status__exact=lost",
        "/admin/tasks/run/?q=nothing-has-this",
        "/admin/tasks/session/",
        "/admin/tasks/project/",
        "/admin/tasks/document/",
        "/admin/ledger/ledgerentry/",
        "/admin/ledger/ledgerentry/?cost=unknown",
        "/admin/ledger/ledgerentry/?model=llama3.2",
        "/admin/ledger/ledgerentry/?q=nothing-has-this",
        "/admin/ledger/ledgerentry/?p=5000",
        "/admin/ledger/budget/",
        "/admin/ledger/reservation/",
    ]


def buffers(queries: list[str]) -> int | None:
    """Return how many buffers PostgreSQL touches for these statements."""
    if connection.vendor != "postgresql":
        return None
    total = 0
    with connection.cursor() as cursor:
        for sql in queries:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}")
            plan = cursor.fetchone()[0][0]["Plan"]
            total += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return total


def measure(client: Client, url: str) -> str:
    client.get(url, follow=True).getvalue()
    with CaptureQueriesContext(connection) as captured:
        began = time.perf_counter()
        answer = client.get(url, follow=True)
        answer.getvalue()
        took = time.perf_counter() - began
    listed = [query["sql"] for query in captured if query["sql"].startswith(PREFIXES)]
    touched = buffers(listed)
    return (
        f"{answer.status_code} {len(captured):3} statements {took * 1000:9.1f} ms"
        + (f" {touched:9,} buffers" if touched is not None else "")
        + f"  {url}"
    )


def main() -> None:
    client = Client(SERVER_NAME="localhost", raise_request_exception=False)
    user, _ = User.objects.get_or_create(
        username="bench", defaults={"is_superuser": True, "is_staff": True}
    )
    client.force_login(user)
    wanted = sys.argv[1:]
    for url in urls():
        if not wanted or any(part in url for part in wanted):
            print(measure(client, url), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
