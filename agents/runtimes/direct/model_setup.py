"""What a model is given in every request of a run, beside the conversation."""

from collections.abc import Sequence
from dataclasses import dataclass

from agents.protocol.events import JSON
from agents.tools import ToolSchema


@dataclass(frozen=True)
class ModelSetup:
    """Instructions, the tools it may call, the schema of the result, and how hard to think."""

    instructions: str
    tools: Sequence[ToolSchema]
    output_schema: JSON | None = None
    model: str = ""  # empty: the one that the environment names
    effort: str = ""
