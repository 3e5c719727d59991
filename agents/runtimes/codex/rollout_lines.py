"""What the lines of a rollout hold, and how they are read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from uuid import UUID

from agents.protocol.events import JSON, UsageReported
from agents.protocol.inbox import Message

CALLS = {"function_call", "custom_tool_call"}
MODEL_ITEMS = CALLS | {"reasoning"}
OUTPUTS = {"function_call_output", "custom_tool_call_output"}


@dataclass
class Call:
    """A tool call of the model."""

    call_id: str
    tool_name: str
    tool_input: JSON
    output: str | None = None
    is_settled: bool = (
        False  # the answer that it is part of is whole, and what it used known
    )


@dataclass
class RolloutUpdates:
    """What is new in the rollout."""

    lines: list[JSON] = field(default_factory=list)
    used: list[UsageReported] = field(default_factory=list)
    answered: list[Call] = field(default_factory=list)
    delivered: list[UUID] = field(default_factory=list)
    calls_tools: bool = (
        False  # an answer is whole, and its calls make another one needed
    )


@dataclass(frozen=True)
class SentMessages:
    """Messages of people that Codex has accepted, and in which words."""

    messages: Sequence[Message]
    texts: Sequence[str]


def remove_trailing_reasoning(lines: list[JSON]) -> list[JSON]:
    """Leave out reasoning that nothing of the model follows: providers refuse it."""
    kept: list[JSON] = []
    follows = False  # whether the next item of the conversation is the model's
    for line in reversed(lines):
        payload = line["payload"]
        if line["type"] == "response_item":
            if payload["type"] == "reasoning" and not follows:
                continue
            follows = is_of_model(payload)
        kept.append(line)
    return kept[::-1]


def is_of_model(payload: JSON) -> bool:
    return payload["type"] in MODEL_ITEMS or payload.get("role") == "assistant"


def check_path(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or parts[0] != "sessions" or ".." in parts:
        raise ValueError(f"not the path of a rollout: {path}")
    return path


def read_input(written: object) -> JSON:
    try:
        given = json.loads(str(written))
    except ValueError:
        return {"input": written}
    return given if isinstance(given, dict) else {"input": written}


def read_output(output: object) -> str:
    if isinstance(output, list):
        parts = (str(part.get("text") or f"({part.get('type')})") for part in output)
        return "\n".join(parts)
    return str(output)
