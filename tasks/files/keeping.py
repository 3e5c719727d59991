"""Keeps a file that a task made as a document: it then outlives the task, and others can have it."""

from contextlib import suppress
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import Max

from tasks.files.changes import MADE, files_of
from tasks.files.folders import OUTPUTS, FilesGone, locate_folder, open_workspace
from tasks.files.listing import is_text, media_type_of
from tasks.files.workspace import CHUNK_BYTES, PathRefused
from tasks.models import Document, Project, Task

# Of one task, kept when it is completed.
MAX_OUTPUTS = 50
MAX_OUTPUT_BYTES = 64 * 2**20


class NotKept(Exception):
    """There is no such file, or it is too large. The message is for people."""


def keep_file(
    task: Task, path: str, *, project_id: str | None, category: str = ""
) -> Document:
    """Make a document of a task's file, the next version of its name, or raise NotKept."""
    document = Document(
        name=path.rstrip("/").rpartition("/")[2][:255],
        media_type=media_type_of(path)[:255],
        direction=Document.Direction.OUTPUT,
        project_id=project_id,
        made_by=task.pk,
        category=category,
    )
    document.begin_reading()
    try:
        workspace = open_workspace(task.pk)
        with workspace.open_file(workspace.locate(path), is_handed_out=True) as file:
            document.size = file.seek(0, 2)
            file.seek(0)
            if document.size > settings.STAGENT_MAX_UPLOAD_BYTES:
                most = settings.STAGENT_MAX_UPLOAD_BYTES
                raise NotKept(f"The file is larger than {most:,} bytes")
            with transaction.atomic():
                document.version = _next_version(document, task.pk)
                document.save(force_insert=True)
                document.file.save(document.name, File(file))
    except PathRefused as refused:
        raise NotKept(str(refused)) from None
    except IsADirectoryError:
        raise NotKept("It is a folder") from None
    except (FilesGone, OSError):
        raise NotKept(f"File not found: {path[:128]}") from None
    return document


def has_outputs(task_id: UUID) -> bool:
    return (locate_folder(task_id) / OUTPUTS).is_dir()


def keep_outputs(task_id: UUID) -> None:
    """Keep what a task made in its folder for outputs, up to a bound.

    Done again, it keeps only what is not kept as it is: nothing is lost or doubled by a crash.
    """
    task = Task.objects.filter(pk=task_id).first()
    if task is None:
        return
    made = files_of(task_id, under=OUTPUTS).filter_states(MADE)
    left = MAX_OUTPUT_BYTES
    for file in made[:MAX_OUTPUTS]:
        size = file.found.size if file.found else 0
        if not is_text(file.path):
            continue
        if size <= left and not _is_kept(task, file.path, size):
            left -= size
            with suppress(NotKept):  # a link, or gone by now
                keep_file(task, file.path, project_id=task.project_id)


def _is_kept(task: Task, path: str, size: int) -> bool:
    """Tell whether the last version of a file's name is this very file."""
    name = path.rpartition("/")[2][:255]
    this = Document(name=name, project_id=task.project_id, made_by=task.pk)
    last = Document.objects.versions_of(this).first()
    if last is None or last.made_by != task.pk or last.size != size:
        return False
    try:
        with (
            open_workspace(task.pk).open_file(path, is_handed_out=True) as found,
            last.file.open("rb") as kept,
        ):
            while chunk := found.read(CHUNK_BYTES):
                if chunk != kept.read(CHUNK_BYTES):
                    return False
    except (FilesGone, PathRefused, OSError):
        return False
    return True


def _next_version(document: Document, task_id: UUID) -> int:
    """Return its number. Who makes another version meanwhile waits for this transaction."""
    if document.project_id:
        Project.objects.select_for_update().filter(pk=document.project_id).first()
    else:
        Task.objects.select_for_update().filter(pk=task_id).first()
    last = Document.objects.versions_of(document).order_by()
    return int(last.aggregate(last=Max("version"))["last"] or 0) + 1
