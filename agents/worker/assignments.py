"""Makes the assignment of a run: its workspace, documents, prompt and limits."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from agents.documents.file_names import make_safe_name
from agents.documents.plain_text import extract_text
from agents.protocol.runtime import Assignment, Checkpoint, RuntimeFailed
from agents.worker.prompt import (
    AttachedDocument,
    build_prompt,
    build_reminder,
    describe_files,
)
from stagent.database.compiled import CompiledObjects, CompiledQuery
from tasks import assist, catalog, lifecycle
from tasks.access import agent_user
from tasks.exceptions import LeaseLost
from tasks.files.folders import DOCUMENTS, RESULTS, locate_workspace
from tasks.files.handing_on import FileSource, SourceGone, begin
from tasks.files.workspace import Workspace
from tasks.models import (
    Document,
    DocumentText,
    PermissionRequest,
    Project,
    Run,
    Task,
)
from tasks.models.session import load_checkpoint
from tasks.models.task import DEFAULT_MAX_TURNS
from tasks.models.task_updates import fetch
from tasks.workflows.results import StepBefore, steps_before


def _list_links(documents: Any, **owner: Any) -> Any:
    rows = documents.through.objects.filter(**owner).order_by()
    return rows.values_list("document_id")


UNREAD = frozenset({Document.Status.UPLOADED, Document.Status.PROCESSING})

_attached = CompiledObjects(
    lambda task_id: Document.objects.filter(tasks=task_id).order_by("created_at", "id"),
    task_id=UUID,
)
_attached_or_default = CompiledObjects(
    lambda task_id, project_id: Document.objects.filter(
        pk__in=_list_links(Task.documents, task_id=task_id).union(
            _list_links(Project.default_documents, project_id=project_id)
        )
    ).order_by("created_at", "id"),
    task_id=UUID,
    project_id=str,
)
_handing_on = CompiledQuery(
    lambda task_id: (
        Task.files_from.through.objects.filter(from_task_id=task_id)
        .order_by("id")
        .values_list("to_task_id", "to_task__title")
    ),
    task_id=UUID,
)


@dataclass(frozen=True)
class PreparedRun:
    """All that a worker needs to perform a run."""

    assignment: Assignment
    profile: catalog.Profile
    budget_microdollars: int
    session_id: UUID
    files_from: tuple[FileSource, ...] = ()
    unread: tuple[str, ...] = ()  # documents whose text is still to be had


def prepare_run(run: Run) -> PreparedRun:
    """Read all that the runtime needs, and write the task's documents to its workspace."""
    task = fetch(run.task_id)
    if task is None:
        raise LeaseLost(f"The task {run.task_id} is gone.")
    profile = _find_profile(task, run)
    workspace = locate_workspace(task.pk)
    attached = _list_documents(task)
    unread = tuple(one.pk for one in attached if one.status in UNREAD)
    documents = copy_documents(attached, workspace)
    handing_on = _handing_on.rows(task_id=task.pk)
    sources = [FileSource(UUID(str(pk)), title) for pk, title in handing_on]
    if task.workflow_run:
        before = steps_before(task.pk)
        documents += _write_results(before, workspace)
        sources += [FileSource(one.task_id, one.name) for one in before]
    kept = load_checkpoint(run.session_id)
    assignment = Assignment(
        task_id=task.pk,
        run_id=run.pk,
        instructions=profile.instructions,
        prompt=build_prompt(task.title, task.description, documents),
        workspace=workspace,
        max_turns=task.max_turns or profile.max_turns or DEFAULT_MAX_TURNS,
        tools=profile.tools,
        network=profile.network,
        output_schema=orjson.loads(task.output_schema) if task.output_schema else None,
        model=run.model,
        effort=run.effort,
        timeout_minutes=task.timeout_minutes,
        is_question=task.is_assist,
        checkpoint=Checkpoint(*kept) if kept else None,
        reminder=build_reminder(_list_waiting_calls(run)) if kept else "",
    )
    budget = lifecycle.choose_budget(task, profile.id)
    return PreparedRun(
        assignment, profile, budget, run.session_id, tuple(sources), unread
    )


def copy_files(prepared: PreparedRun) -> PreparedRun:
    """Copy the files of other tasks to the workspace, and record what the run begins with.

    It may take minutes, and uses no database.
    """
    assignment = prepared.assignment
    workspace = Workspace(assignment.workspace)
    try:
        handed = begin(
            assignment.task_id,
            prepared.session_id,
            workspace,
            files_from=prepared.files_from,
        )
    except SourceGone as gone:
        raise RuntimeFailed(str(gone)) from None
    if not handed:
        return prepared
    prompt = f"{assignment.prompt}\n\n{describe_files(handed)}"
    return replace(prepared, assignment=replace(assignment, prompt=prompt))


def _list_documents(task: Task) -> list[Document]:
    """Return the documents of a task, and those that all tasks of its project have."""
    if task.project_id is None:
        return _attached.all(task_id=task.pk)
    return _attached_or_default.all(task_id=task.pk, project_id=task.project_id)


def _find_profile(task: Task, run: Run) -> catalog.Profile:
    if task.is_assist:
        return assist.PROFILE
    if profile := catalog.profile(run.profile):
        return profile
    raise RuntimeFailed(f"The profile {run.profile} is gone; assign another one.")


def _list_waiting_calls(run: Run) -> list[str]:
    asked = PermissionRequest.objects.filter(session_id=run.session_id)
    undelivered = asked.undelivered().order_by("created_at")
    return [f"{request.tool_name}: {request.message}" for request in undelivered]


def copy_documents(
    documents: list[Document], workspace: Path, *, folder: str = DOCUMENTS
) -> list[AttachedDocument]:
    """Copy them into a folder of the workspace, each under a name of its own."""
    read = [one.pk for one in documents if one.kind and one.status == "ready"]
    texts = dict(
        DocumentText.objects.filter(pk__in=read).values_list("pk", "text")
        if read
        else ()
    )
    names: list[str] = []
    attached = []
    for document in documents:
        names.append(make_safe_name(document.name, taken=names))
        laid_out = _copy_document(document, workspace / folder, names[-1])
        if document.pk in texts:
            names.append(make_safe_name(f"{names[-1]}.txt", taken=names))
            text = texts[document.pk]
            _write_file(workspace / folder, names[-1], text.encode(), workspace)
            path = f"/{folder}/{names[-1]}"
            laid_out = replace(laid_out, text=text, text_path=path)
        attached.append(replace(laid_out, problem=document.problem))
    return attached


def _write_results(
    before: Iterable[StepBefore], workspace: Path
) -> list[AttachedDocument]:
    """Write the results of a workflow's earlier steps to files, one each."""
    names: list[str] = []
    attached = []
    for step in before:
        if not step.is_read or not step.text:
            continue
        names.append(make_safe_name(f"{step.name}.md", taken=names))
        content = step.text.encode()
        _write_file(workspace / RESULTS, names[-1], content, workspace)
        attached.append(
            AttachedDocument(
                id=step.step_id,
                name=f"Result of {step.name}",
                path=f"/{RESULTS}/{names[-1]}",
                media_type="text/markdown",
                text=step.text,
                size=len(content),
            )
        )
    return attached


def _copy_document(document: Document, folder: Path, name: str) -> AttachedDocument:
    """Copy the document unless it is there: after a resume, the agent's changes stay."""
    with document.file.open("rb") as file:
        content: bytes = file.read()
    _write_file(folder, name, content, folder.parent)
    return AttachedDocument(
        id=document.pk,
        name=document.name,
        path=f"/{folder.name}/{name}",
        media_type=document.media_type,
        text=extract_text(content, document.media_type, document.name),
        size=document.size,
    )


def _write_file(folder: Path, name: str, content: bytes, workspace: Path) -> None:
    target = folder / name
    # If the agent has put a link there, it works with what that leads to.
    if not folder.is_symlink() and not target.exists() and not target.is_symlink():
        folder.mkdir(exist_ok=True)
        target.write_bytes(content)
        agent_user.share_path(folder, workspace)
        agent_user.share_path(target, workspace)
