"""What the bodies of `/api/tasks` say: columns to write, and what they refer to."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson

from stagent.database.compiled import CompiledQuery
from tasks import assist, catalog
from tasks.api.zod import Invalid
from tasks.models import Document, Project, Task
from tasks.models.tag import to_text

JSON = dict[str, Any]

# What the API calls it -> what the model does.
COLUMNS = {
    "title": "title",
    "description": "description",
    "priority": "priority",
    "assignedAgent": "assigned_agent",
    "agentProfile": "agent_profile",
    "result": "result",
    "maxTurns": "max_turns",
    "projectId": "project_id",
    "timeoutMinutes": "timeout_minutes",
}
# The same, of texts that null empties.
NULLABLE_TEXTS = ("model", "effort")

_project_query = CompiledQuery(
    lambda project_id: Project.objects.filter(pk=project_id).values_list("pk"),
    project_id=str,
)


def read_changes(data: JSON) -> JSON:
    """Return the columns that a body names, with their values."""
    changes = {column: data[name] for name, column in COLUMNS.items() if name in data}
    for name in NULLABLE_TEXTS:
        if name in data:
            changes[name] = data[name] or ""
    if "maxBudgetUsd" in data:
        budget = data["maxBudgetUsd"]
        changes["max_budget_microdollars"] = (
            None if budget is None else max(1, round(budget * 1_000_000))
        )
    if "outputSchema" in data:
        schema = data["outputSchema"]
        changes["output_schema"] = "" if schema is None else to_json(schema)
    if "tags" in data:
        changes["tags"] = to_text(data["tags"])
    if "assistId" in data:
        changes["assist_id"] = UUID(data["assistId"])
    return changes


def to_json(value: JSON) -> str:
    return orjson.dumps(value).decode()


def check_references(data: JSON) -> None:
    """Raise Invalid if the project, the profile or the assist that a body names is not there."""
    project_id = data.get("projectId")
    if project_id is not None and _project_query.first(project_id=project_id) is None:
        raise Invalid.field("projectId", "Project not found")
    profile = data.get("agentProfile")
    if profile and catalog.profile(profile) is None:
        raise Invalid.field("agentProfile", f"Profile not found: {profile[:128]}")
    if "assistId" in data and assist.find(data["assistId"]) is None:
        raise Invalid.field("assistId", f"Assist not found: {data['assistId'][:128]}")


def check_compatible(runtime: str | None, profile: str | None) -> None:
    """Raise Invalid if the profile does not suit the runtime."""
    if problem := catalog.incompatibility(runtime, profile):
        raise Invalid.form(problem)


def check_model(runtime: str | None, *, model: str | None, effort: str | None) -> None:
    """Raise Invalid if the runtime cannot have the model or the effort that a body names.

    Of a runtime that is not named, it is the default one that counts.
    """
    if not (model or effort):
        return
    facts = catalog.runtime(runtime) if runtime else catalog.default_runtime()
    if facts is None:
        return
    if model and (problem := catalog.find_model_problem(facts, model)):
        raise Invalid.field("model", problem)
    if effort and (problem := catalog.find_effort_problem(facts, effort)):
        raise Invalid.field("effort", problem)


def find_documents(ids: Iterable[str]) -> list[Document]:
    """Return the documents in the order of their ids, each once, or raise Invalid."""
    wanted = list(dict.fromkeys(ids))
    found = Document.objects.in_bulk(wanted) if wanted else {}
    for document_id in wanted:
        if document_id not in found:
            raise Invalid.field(
                "documentIds", f"Document not found: {document_id[:128]}"
            )
    return [found[document_id] for document_id in wanted]


def find_sources(ids: Iterable[str], *, task: Task | None = None) -> list[UUID]:
    """Return the tasks whose files `task` begins with, each once, or raise Invalid."""
    wanted = {task_id: read_uuid(task_id) for task_id in ids}
    keys = [key for key in wanted.values() if key]
    found = set(Task.objects.filter(pk__in=keys).values_list("pk", flat=True))
    for given, key in wanted.items():
        if key not in found:
            raise Invalid.field("filesFrom", f"Task not found: {given[:128]}")
    if task and task.pk in found:
        raise Invalid.field("filesFrom", "A task cannot begin with its own files")
    return list(dict.fromkeys(keys))


def read_uuid(text: str) -> UUID | None:
    """Return the id that a body or a query names; None if it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
