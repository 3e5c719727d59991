"""The example that a first start shows: a project, two documents and one task, executed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from asgiref.sync import sync_to_async
from django.core.files.base import ContentFile

from ledger.models import LedgerEntry
from ledger.pricing import dollars
from tasks import lifecycle
from tasks.exceptions import Refused
from tasks.models import Document, EventType, Project, Task
from tasks.payloads.log_entries import read_served
from tasks.streams.log_stream import follow_log

FILES = Path(__file__).with_name("example_files")
PROJECT_ID = "proj-8f3a-4b2c"
DOCUMENTS = {
    "doc-meeting-transcript-001": "meeting-transcript.txt",
    "doc-q4-revenue-001": "q4-revenue.csv",
}

Say = Callable[[str], None]


def load() -> Task:
    """Make the example data, and a planned task on it."""
    project = Project.objects.create(
        id=PROJECT_ID,
        name="Marketing Analysis",
        description="An example to try things on.",
    )
    documents = {pk: _document(pk, name, project) for pk, name in DOCUMENTS.items()}
    task = Task.objects.create(
        title="Analyze Q4 revenue trends",
        description="Review the revenue data and produce a short summary of the trends.",
        project=project,
        priority=1,
        agent_profile="data-analyst",
        created_by="example",
    )
    task.documents.add(documents["doc-q4-revenue-001"])
    return task


def _document(pk: str, name: str, project: Project) -> Document:
    content = (FILES / name).read_bytes()
    document = Document(
        id=pk,
        project=project,
        name=name,
        media_type="text/csv" if name.endswith(".csv") else "text/plain",
        size=len(content),
    )
    document.file.save(name, ContentFile(content))
    return document


def _start(task: Task) -> None:
    lifecycle.record_status(task, Task.Status.QUEUED, by="example")
    lifecycle.start_run(task, by="example")


async def show(task: Task, say: Say) -> None:
    """Execute the task, say its log live, then what came out and what it cost."""
    try:
        await sync_to_async(_start)(task)
    except Refused as error:
        say(f"The example task was not started: {error}")
        return
    say(f"Task {task.pk}: {task.title}\n")
    async for event in follow_log(task.pk, 0):
        for line in event.decode().split("\n"):
            if line.startswith("data: "):
                say(_line(orjson.loads(line[len("data: ") :])))
    await sync_to_async(_say_outcome)(task.pk, say)


def _line(entry: dict[str, Any]) -> str:
    served = read_served(entry)
    message = served.message.replace("\n", "\n" + " " * 33)
    hint = ""
    if served.event_type == EventType.PERMISSION_REQUEST:
        hint = "\n" + " " * 33 + "→ Allow or deny it in the admin; the agent waits."
    return f"  {served.time_of_day}  {served.event_type:<20}  {message}{hint}"


def _say_outcome(task_id: UUID, say: Say) -> None:
    task = Task.objects.filter(pk=task_id).first()
    if task is None:
        return
    say(f"\nThe task is {task.status}. Output:\n")
    say("\n".join(f"  {line}" for line in (task.result or "(none)").splitlines()))
    usage = LedgerEntry.objects.for_task(task_id).totals()
    if usage.last_model:
        cost = usage.cost_microdollars
        price = "price unknown" if cost is None else f"${dollars(cost)}"
        say(
            f"\nUsage: {usage.input_tokens:,} tokens in, {usage.output_tokens:,} out"
            f" on {usage.last_model}, {price}."
        )
