"""What a definition refers to: profiles, runtimes, documents and the task whose documents it takes."""

from collections.abc import Iterator
from uuid import UUID

from tasks import catalog
from tasks.models import Document, Task
from tasks.workflows.definition import Definition, Step


def find_problems(definition: Definition) -> list[str]:
    """Say, each with its place, what a definition names that is not there or does not fit."""
    missing = _missing_documents(definition)
    problems = [
        f"steps.{number}.{problem}"
        for number, step in enumerate(definition.steps)
        for problem in _problems_of_step(step, missing)
    ]
    if definition.source_task_id and not _is_task(definition.source_task_id):
        problems.append("sourceTaskId: Task not found")
    return problems


def names_documents(definition: Definition) -> bool:
    return bool(
        definition.source_task_id or any(step.document_ids for step in definition.steps)
    )


def _problems_of_step(step: Step, missing: set[str]) -> Iterator[str]:
    for document_id in step.document_ids:
        if document_id in missing:
            yield f"documentIds: Document not found: {document_id[:128]}"
    runtime = step.assigned_agent
    if runtime and catalog.runtime(runtime) is None:
        names = ", ".join(catalog.RUNTIME_NAMES)
        yield f"assignedAgent: Expected one of: {names}"
    elif problem := catalog.incompatibility(runtime, step.agent_profile):
        yield f"agentProfile: {problem}"
    else:
        yield from _problems_of_model(step)


def _problems_of_model(step: Step) -> Iterator[str]:
    """Say what the step's runtime cannot have, or the default one if it names none."""
    if not (step.model or step.effort):
        return
    agent = step.assigned_agent
    facts = catalog.runtime(agent) if agent else catalog.default_runtime()
    if facts is None:
        return
    if problem := catalog.find_model_problem(facts, step.model):
        yield f"model: {problem}"
    if problem := catalog.find_effort_problem(facts, step.effort):
        yield f"effort: {problem}"


def _missing_documents(definition: Definition) -> set[str]:
    named = {one for step in definition.steps for one in step.document_ids}
    if not named:
        return set()
    found = Document.objects.filter(pk__in=named).values_list("pk", flat=True)
    return named - set(found)


def _is_task(text: str) -> bool:
    try:
        return Task.objects.filter(pk=UUID(text)).exists()
    except ValueError:
        return False
