"""A worker reads documents, once each; what cannot be read fails no task."""

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.files.base import ContentFile
from django.utils import timezone

from agents.worker import documents
from agents.worker.assignments import prepare_run
from tasks import lifecycle
from tasks.files.keeping import keep_outputs
from tasks.models import Document, DocumentText, Task
from tasks.models.document import PATIENCE
from tests.agents.documents import samples
from tests.agents.documents.samples import TEXT
from tests.agents.worker.test_loop import until, working
from tests.factories import ProjectFactory, RunFactory, TaskFactory
from tests.tasks.files.work import Work

pytestmark = pytest.mark.django_db(transaction=True)


def uploaded(content=None, name="report.pdf", **fields):
    document = Document(name=name, media_type="application/pdf", size=1, **fields)
    document.begin_reading()
    document.save()
    document.file.save("x", ContentFile(samples.pdf() if content is None else content))
    return document


def read_all():
    async_to_sync(documents.read_waiting)()


def test_what_was_uploaded_is_read_and_can_be_found(api):
    good, bad = uploaded(), uploaded(b"nonsense")
    assert api.get(f"/api/documents/{good.pk}").json()["status"] == "uploaded"
    read_all()
    shown = api.get(f"/api/documents/{good.pk}").json()
    assert shown["status"] == "ready"
    assert TEXT in shown["extractedText"]
    shown = api.get(f"/api/documents/{bad.pk}").json()
    assert (shown["status"], shown["extractedText"]) == ("error", None)
    assert shown["processingError"].startswith("It is broken")
    found = api.get("/api/documents?search=revenue GREW").json()
    assert [one["id"] for one in found] == [good.pk]
    assert api.get("/api/documents?status=error").json()[0]["id"] == bad.pk


def test_of_two_readers_one_reads(monkeypatch):
    document = uploaded()
    assert Document.objects.take(document.pk)
    assert not Document.objects.take(document.pk)
    read_all()
    assert not DocumentText.objects.exists()
    # What a worker that died had begun is read by another one.
    Document.objects.update(updated_at=timezone.now() - PATIENCE * 2)
    read_all()
    assert DocumentText.objects.exists()


def test_a_document_that_is_deleted_or_read_anew_meanwhile_is_left_alone():
    document = uploaded()
    Document.objects.take(document.pk)
    document.begin_reading()
    document.save()
    documents._write_down(document.pk, documents.Reading(text="late"))
    assert not DocumentText.objects.exists()
    pk = document.pk
    document.delete()
    documents._write_down(pk, documents.Reading(text="late"))


def test_a_file_that_is_gone_is_unreadable():
    document = uploaded()
    document.file.storage.delete(document.file.name)
    read_all()
    document.refresh_from_db()
    assert document.status == "error"
    assert "cannot be opened" in document.problem


def run_with(*given):
    task = TaskFactory()
    task.documents.set(given)
    return RunFactory(task=task)


def test_an_agent_gets_the_text_in_its_prompt_and_as_a_file():
    run = run_with(uploaded(), uploaded(b"nonsense", name="broken.pdf"))
    assert len(prepare_run(run).unread) == 2
    read_all()
    job = prepare_run(run)
    assert job.unread == ()
    prompt = job.assignment.prompt
    assert TEXT in prompt
    assert 'Its text could not be read: "It is broken' in prompt
    folder = job.assignment.workspace / "documents"
    assert TEXT in (folder / "report.pdf.txt").read_text()
    assert (folder / "broken.pdf").read_bytes() == b"nonsense"


async def test_a_task_that_starts_at_once_waits_for_its_documents_and_never_fails():
    def begin():
        task = TaskFactory(status="queued", title="x", description="finish: done")
        task.documents.set([uploaded(), uploaded(b"nonsense", name="broken.pdf")])
        lifecycle.start_run(task, by="a test")
        return task

    async with working():
        task = await sync_to_async(begin)()
        await until(Task.objects.filter(pk=task.pk, status="completed").exists)
    assert await Document.objects.filter(status="ready").acount() == 1
    assert await Document.objects.filter(status="error").acount() == 1


def test_the_documents_of_a_project_are_given_to_its_tasks():
    project = ProjectFactory()
    default, own = uploaded(b"", name="default.txt"), uploaded(b"", name="own.txt")
    project.default_documents.set([default, own])
    task = TaskFactory(project=project)
    task.documents.set([own])
    job = prepare_run(RunFactory(task=task))
    names = {path.name for path in (job.assignment.workspace / "documents").iterdir()}
    assert names == {"default.txt", "own.txt"}
    alone = prepare_run(RunFactory(task=TaskFactory()))
    assert not (alone.assignment.workspace / "documents").exists()


async def test_what_an_agent_leaves_in_outputs_is_kept_as_documents(api):
    def begin():
        task = TaskFactory(
            status="queued",
            title="x",
            project=ProjectFactory(),
            description="write: outputs/report.md # Q4\nwrite: scratch.txt x\nfinish: done",
        )
        lifecycle.start_run(task, by="a test")
        return task

    async with working():
        task = await sync_to_async(begin)()
        await until(Task.objects.filter(pk=task.pk, status="completed").exists)
    kept = await Document.objects.aget()
    assert (kept.name, kept.direction, kept.version) == ("report.md", "output", 1)
    assert (kept.made_by, kept.project_id) == (task.pk, task.project_id)


def test_outputs_are_kept_once_and_a_changed_one_as_the_next_version():
    work = Work(project=ProjectFactory()).begin()
    work.write(**{"outputs/a.md": "one", "outputs/b.md": "b"})
    (work.folder / "outputs/link").symlink_to("/etc/passwd")
    keep_outputs(work.task.pk)
    keep_outputs(work.task.pk)
    work.write(**{"outputs/a.md": "two"})
    keep_outputs(work.task.pk)
    rows = Document.objects.order_by("name", "version")
    assert list(rows.values_list("name", "version")) == [
        ("a.md", 1),
        ("a.md", 2),
        ("b.md", 1),
    ]
    work.task.delete()
    keep_outputs(work.task.pk)
