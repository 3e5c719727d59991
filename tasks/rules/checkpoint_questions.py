"""What is asked before a step of a workflow that waits for a person."""

from typing import Any
from uuid import UUID

TOOL_NAME = "WorkflowCheckpoint"


def make_action(step_id: str) -> str:
    return f"checkpoint:{step_id}"


def make_tool_input(workflow_id: UUID | None, step_name: str) -> dict[str, Any]:
    return {"workflowId": str(workflow_id), "stepName": step_name}
