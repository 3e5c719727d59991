"""Makes the assignment of a run: its workspace, documents, prompt and limits."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import orjson

from agents.prompt import (
    AttachedDocument,
    build_prompt,
    build_reminder,
    extract_text,
    safe_name,
)
from agents.runtime import Assignment, Checkpoint, RuntimeFailed
from agents.workspaces.folders import workspace_of
from stagent.database.compiled import CompiledObjects
from tasks import assist, catalog, lifecycle
from tasks.access import agent_user
from tasks.exceptions import LeaseLost
from tasks.models import Document, PermissionRequest, Run, Task
from tasks.models.session import checkpoint_of
from tasks.models.task import DEFAULT_MAX_TURNS, fetch
from tasks.workflows.results import results_for

# Folders in the workspace; results are those of a workflow's earlier steps.
DOCUMENTS = "documents"
RESULTS = "results"


_attached = CompiledObjects(
    lambda task_id: Document.objects.filter(tasks=task_id).order_by("created_at", "id"),
    task_id=UUID,
)


@dataclass(frozen=True)
class PreparedRun:
    """All that a worker needs to perform a run."""

    assignment: Assignment
    profile: catalog.Profile
    budget_microdollars: int


def prepare_run(run: Run) -> PreparedRun:
    """Read all that the runtime needs, and write the task's documents to its workspace."""
    task = fetch(run.task_id)
    if task is None:
        raise LeaseLost(f"The task {run.task_id} is gone.")
    profile = _profile_of(task, run)
    workspace = workspace_of(task.pk)
    documents = _copy_documents(_attached.all(task_id=task.pk), workspace)
    if task.workflow_run:
        documents += _write_results(task.pk, workspace)
    kept = checkpoint_of(run.session_id)
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
        is_question=task.is_assist,
        checkpoint=Checkpoint(*kept) if kept else None,
        reminder=build_reminder(_list_waiting_calls(run)) if kept else "",
    )
    return PreparedRun(assignment, profile, lifecycle.budget_of(task, profile.id))


def _profile_of(task: Task, run: Run) -> catalog.Profile:
    if task.is_assist:
        return assist.PROFILE
    if profile := catalog.profile(run.profile):
        return profile
    raise RuntimeFailed(f"The profile {run.profile} is gone; assign another one.")


def _list_waiting_calls(run: Run) -> list[str]:
    asked = PermissionRequest.objects.filter(session_id=run.session_id)
    undelivered = asked.undelivered().order_by("created_at")
    return [f"{request.tool_name}: {request.message}" for request in undelivered]


def _copy_documents(
    documents: list[Document], workspace: Path
) -> list[AttachedDocument]:
    names: list[str] = []
    attached = []
    for document in documents:
        names.append(safe_name(document.name, taken=names))
        attached.append(_copy_document(document, workspace, names[-1]))
    return attached


def _write_results(task_id: UUID, workspace: Path) -> list[AttachedDocument]:
    """Write the results of a workflow's earlier steps to files, one each."""
    names: list[str] = []
    attached = []
    for result in results_for(task_id):
        names.append(safe_name(f"{result.name}.md", taken=names))
        content = result.text.encode()
        _write_file(workspace / RESULTS, names[-1], content, workspace)
        attached.append(
            AttachedDocument(
                id=result.step_id,
                name=f"Result of {result.name}",
                path=f"/{RESULTS}/{names[-1]}",
                media_type="text/markdown",
                text=result.text,
                size=len(content),
            )
        )
    return attached


def _copy_document(document: Document, workspace: Path, name: str) -> AttachedDocument:
    """Copy the document unless it is there: after a resume, the agent's changes stay."""
    with document.file.open("rb") as file:
        content: bytes = file.read()
    _write_file(workspace / DOCUMENTS, name, content, workspace)
    return AttachedDocument(
        id=document.pk,
        name=document.name,
        path=f"/{DOCUMENTS}/{name}",
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
