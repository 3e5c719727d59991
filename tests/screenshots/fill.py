"""Fills a migrated database with a month of a small team: `python -m tests.screenshots.fill`.

The same every time, but for the day it ends on, which is today.
"""

import os
import random
from datetime import datetime, timedelta
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stagent.settings")
django.setup()

from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from ledger.models import Budget, DailySpend, LedgerEntry  # noqa: E402
from ledger.pricing import Usage, find_price  # noqa: E402
from tasks.models import LogEntry, Project, Run, Session, Task  # noqa: E402

CHANCE = random.Random(7)
DAYS = 60
PROJECTS = {
    "billing": "Billing rewrite",
    "website": "Website relaunch",
    "research": "Market research",
    "support": "Support inbox",
}
TITLES = [
    "Sum up yesterday's support tickets",
    "Review the payment module",
    "Draft the release notes",
    "Compare prices of three competitors",
    "Write tests for the invoice parser",
    "Check links on the new pages",
    "Translate the onboarding mails",
    "Find out why the nightly import is slow",
]
MODELS = [
    ("claude-code", "anthropic", "claude-sonnet-4-5", 30),
    ("anthropic-direct", "anthropic", "claude-haiku-4-5", 20),
    ("openai-codex-app-server", "openai", "gpt-5", 20),
    ("claude-code", "anthropic", "claude-opus-4-1", 8),
    ("openai-direct", "openai", "gpt-5-mini", 12),
    ("ollama", "ollama", "qwen3:8b", 3),
]
PROFILES = ["general", "code-reviewer", "researcher", "document-writer"]
PEOPLE = ["ada", "grace", "linus"]
FAILURES = [
    "The key in ANTHROPIC_API_KEY was refused (401). Give the server another one.",
    "The budget is used up ($2.00 for this task). Raise maxBudgetUsd and resume.",
    "The model's answer was cut off: it was longer than the model may answer.",
    "The provider was overloaded 5 times in a row; it may work later.",
]


def fill() -> None:
    now = timezone.now()
    for pk, name in PROJECTS.items():
        Project.objects.get_or_create(pk=pk, defaults={"name": name})
    for number in range(DAYS * 6):
        age = timedelta(days=DAYS) * (1 - number / (DAYS * 6))
        with transaction.atomic():
            _task(now - age, now)
    _long_log(now)
    Budget.objects.create(period="daily", limit_microdollars=40_000_000)
    Budget.objects.create(period="monthly", limit_microdollars=900_000_000)
    Budget.objects.create(
        scope="project",
        scope_id="billing",
        period="daily",
        limit_microdollars=20_000_000,
    )


def _task(at: datetime, now: datetime) -> None:
    if at.weekday() > 4 and CHANCE.random() < 0.7:
        return
    model = CHANCE.choices(MODELS, [weight for *_, weight in MODELS])[0]
    status = CHANCE.choices(["completed", "failed", "cancelled"], [85, 11, 4])[0]
    project = CHANCE.choice([*PROJECTS, None])
    task = Task.objects.create(
        title=CHANCE.choice(TITLES),
        project_id=project,
        status=status,
        created_by=CHANCE.choice(PEOPLE),
        result="Done: see the report." if status == "completed" else "",
    )
    session = Session.objects.create(task=task, runtime=model[0])
    took = timedelta(seconds=CHANCE.randrange(30, 1500))
    ended = min(at + took, now)
    run = Run.objects.create(
        task=task,
        session=session,
        attempt=1,
        status=status,
        runtime=model[0],
        profile=CHANCE.choice(PROFILES),
        error=CHANCE.choice(FAILURES) if status == "failed" else "",
        started_by=task.created_by,
        started_at=ended - took,
        finished_at=ended,
        worker="worker-1",
    )
    Run.objects.filter(pk=run.pk).update(queued_at=ended - took)
    Task.objects.filter(pk=task.pk).update(
        created_at=ended - took,
        updated_at=ended,
        took_milliseconds=took.total_seconds() * 1_000,
    )
    for number in range(CHANCE.randrange(2, 9)):
        _book(run, number, model, ended)


def _book(run: Run, number: int, model: tuple, at: datetime) -> None:
    runtime, provider, name, _ = model
    usage = Usage(
        provider,
        name,
        input_tokens=CHANCE.randrange(2_000, 40_000),
        cache_read_tokens=CHANCE.randrange(20_000, 300_000),
        output_tokens=CHANCE.randrange(500, 9_000),
    )
    price = find_price(usage)
    entry = LedgerEntry(
        task_id=run.task_id,
        run_id=run.pk,
        key=str(number),
        project_id=run.task.project_id or "",
        profile=run.profile,
        created_by=run.task.created_by,
        runtime=runtime,
        provider=provider,
        model=name,
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=0,
        cache_write_1h_tokens=0,
        output_tokens=usage.output_tokens,
        cost_microdollars=price.cost(usage) if price else None,
        recorded_at=at,
    )
    entry.save()
    DailySpend.objects.add(entry.sums, at=at, origin=entry.origin)


TURNS = 400


def _long_log(now: datetime) -> UUID:
    """Make a task whose agent took many turns."""
    task = Task.objects.create(
        title="Move the invoices to the new schema",
        project_id="billing",
        status="completed",
        created_by="ada",
        result=REPORT,
        log_sequence=TURNS * 5,
        took_milliseconds=116 * 60_000,
    )
    session = Session.objects.create(task=task, runtime="claude-code")
    began = now - timedelta(hours=2)
    run = Run.objects.create(
        task=task,
        session=session,
        attempt=1,
        status="completed",
        runtime="claude-code",
        profile="code-reviewer",
        started_by="ada",
        started_at=began,
        finished_at=now - timedelta(minutes=4),
        worker="worker-1",
    )
    entries: list[LogEntry] = []
    for turn in range(TURNS):
        at = began + timedelta(seconds=17 * turn)
        entries += _turn(task, run, turn, at)
    LogEntry.objects.bulk_create(entries, batch_size=500)
    for number in range(40):
        _book(run, number, MODELS[0], began + timedelta(minutes=3 * number))
    return task.pk


def _turn(task: Task, run: Run, turn: int, at: datetime) -> list[LogEntry]:
    call = f"call-{turn}"
    path = f"invoices/models/part_{turn % 40:02}.py"
    failed = turn % 31 == 30
    told = [
        ("assistant", f"I look at {path} next, and move its columns.", {}),
        (
            "tool_use",
            f"edit: {path}",
            {"toolName": "edit", "callId": call, "input": {"path": path}},
        ),
        (
            "tool_result",
            "No such file." if failed else f"Changed 3 lines of {path}.",
            {"toolName": "edit", "callId": call, "isError": failed},
        ),
        (
            "usage",
            "14,300 tokens in, 620 out",
            {"inputTokens": 14_300, "outputTokens": 620, "costMicros": 52_000},
        ),
    ]
    return [
        LogEntry(
            task=task,
            run_id=run.pk,
            sequence=turn * 5 + number + 1,
            event_type=kind,
            message=message,
            data=data,
            recorded_at=at + timedelta(seconds=3 * number),
        )
        for number, (kind, message, data) in enumerate(told)
    ]


REPORT = """# Invoices on the new schema

All **41 models** are moved; the tests pass. Three things want a decision.

| Table | Rows | Moved | Took | Note |
|-|-:|-:|-:|-|
| invoices | 1,284,011 | 1,284,011 | 4 min 12 s | |
| invoice_lines | 9,871,220 | 9,871,220 | 22 min | in ten steps |
| credit_notes | 13,461 | 13,459 | 8 s | two have no customer: see below |

## What is left

1. Two credit notes name customers that were deleted in 2019.
2. `legacy_total` is written by the nightly import alone. Drop it?
3. The index on `issued_on` is used by nothing any more.

```sql
SELECT id, customer_id FROM credit_notes WHERE customer_id NOT IN (SELECT id FROM customers);
```
"""


if __name__ == "__main__":
    fill()
