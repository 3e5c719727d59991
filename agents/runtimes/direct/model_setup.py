"""What a model is given in every request of a run, beside the conversation."""

from collections.abc import Sequence
from dataclasses import dataclass

from agents.protocol.events import JSON
from agents.tools import ToolSchema


@dataclass(frozen=True)
class ModelSetup:
    """Instructions, the tools it may call, and the schema of the result, if there is one."""

    instructions: str
    tools: Sequence[ToolSchema]
    output_schema: JSON | None = None
