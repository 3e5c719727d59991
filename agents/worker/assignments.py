"""Makes an assignment of a run: its workspace, its documents, its prompt, its limits."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

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
from tasks import catalog, lifecycle
from tasks.access import agent_user
from tasks.exceptions import LeaseLost
from tasks.models import Document, PermissionRequest, Run
from tasks.models.session import checkpoint_of
from tasks.models.task import DEFAULT_MAX_TURNS, fetch
from tasks.workflows.results import results_for

DOCUMENTS = "documents"  # the folder in the workspace
RESULTS = (
    "results"  # that of what the steps before it have said, for a step of a workflow
)


_attached = CompiledObjects(
    lambda task_id: Document.objects.filter(tasks=task_id).order_by("created_at", "id"),
    task_id=UUID,
)


@dataclass(frozen=True)
class Job:
    assignment: Assignment
    profile: catalog.Profile
    budget_microdollars: int


def prepare(run: Run) -> Job:
    """Read all that the runtime needs, and lay out the workspace."""
    task = fetch(run.task_id)
    if task is None:
        raise LeaseLost(f"The task {run.task_id} is gone.")
    profile = catalog.profile(run.profile)
    if profile is None:
        raise RuntimeFailed(f"The profile {run.profile} is gone; assign another one.")
    workspace = workspace_of(task.pk)
    documents = _lay_out(_attached.all(task_id=task.pk), workspace)
    if task.workflow_run:
        documents += _lay_out_results(task.pk, workspace)
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
        checkpoint=Checkpoint(*kept) if kept else None,
        reminder=build_reminder(_waiting_calls(run)) if kept else "",
    )
    return Job(assignment, profile, lifecycle.budget_of(task, profile.id))


def _waiting_calls(run: Run) -> list[str]:
    asked = PermissionRequest.objects.filter(session_id=run.session_id)
    unheard = asked.undelivered().order_by("created_at")
    return [f"{one.tool_name}: {one.message}" for one in unheard]


def _lay_out(documents: list[Document], workspace: Path) -> list[AttachedDocument]:
    names: list[str] = []
    attached = []
    for document in documents:
        names.append(safe_name(document.name, taken=names))
        attached.append(_copy(document, workspace, names[-1]))
    return attached


def _lay_out_results(task_id: UUID, workspace: Path) -> list[AttachedDocument]:
    """Give a step of a workflow what the steps before it have said, each as a file."""
    names: list[str] = []
    attached = []
    for result in results_for(task_id):
        names.append(safe_name(f"{result.name}.md", taken=names))
        content = result.text.encode()
        _write(workspace / RESULTS, names[-1], content, workspace)
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


def _copy(document: Document, workspace: Path, name: str) -> AttachedDocument:
    """Give the agent a copy, unless it has one: what it made of that stays in a resume."""
    with document.file.open("rb") as file:
        content: bytes = file.read()
    _write(workspace / DOCUMENTS, name, content, workspace)
    return AttachedDocument(
        id=document.pk,
        name=document.name,
        path=f"/{DOCUMENTS}/{name}",
        media_type=document.media_type,
        text=extract_text(content, document.media_type, document.name),
        size=document.size,
    )


def _write(folder: Path, name: str, content: bytes, workspace: Path) -> None:
    target = folder / name
    # An agent may have put a link in the way; then it works with what it made.
    if not folder.is_symlink() and not target.exists() and not target.is_symlink():
        folder.mkdir(exist_ok=True)
        target.write_bytes(content)
        agent_user.share_path(folder, workspace)
        agent_user.share_path(target, workspace)
