"""Results that are JSON: how a model learns of the schema, and whether its answer satisfies it.

Every runtime asks by its provider's own means where there are any. Those are no more than help:
the answer is always held against the schema here, and once a run the model may mend it.
"""

import asyncio
import re
from typing import Any

import orjson

from agents.protocol.runtime import RuntimeFailed
from tasks.catalog.json_schemas import JSON, mismatches

_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?```", re.DOTALL)


class OutputMismatched(RuntimeFailed):
    """What the agent said at its end does not satisfy the schema. `text` is what it said."""

    def __init__(self, problems: list[str], text: str) -> None:
        listed = "; ".join(problems)
        super().__init__(f"The result does not satisfy the schema: {listed}")
        self.text = text


class StructuredOutput:
    """The schema that a task's result is to satisfy."""

    def __init__(self, schema: JSON) -> None:
        self.schema = schema

    @property
    def instruction(self) -> str:
        """What to say with the task, for providers that do not tell the model of a schema."""
        return (
            "\n\n# Result\n\nYour last message must be one JSON object and nothing else: no"
            " explanation, no code fence. It must satisfy this JSON Schema:\n\n"
            + orjson.dumps(self.schema).decode()
        )

    async def describe_problems(self, text: str) -> str:
        """Return what to tell a model whose last message is `text`; nothing if it is right."""
        _, problems = await asyncio.to_thread(self._read, text)
        if not problems:
            return ""
        listed = "".join(f"\n- {problem}" for problem in problems)
        return (
            "Your last message is not the JSON object that was asked for:"
            f"{listed}\n\nAnswer with the corrected JSON object only."
        )

    async def extract_result(self, text: str) -> str:
        """Return the JSON in an agent's last message, or raise OutputMismatched."""
        value, problems = await asyncio.to_thread(self._read, text)
        if problems:
            raise OutputMismatched(problems, text)
        return orjson.dumps(value).decode()

    def _read(self, text: str) -> tuple[Any, list[str]]:
        fenced = _FENCED.findall(text)
        for candidate in (text, *fenced[:1]) if len(fenced) == 1 else (text,):
            try:
                value = orjson.loads(candidate)
            except ValueError:
                continue
            return value, mismatches(self.schema, value)
        return None, ["$: it is no JSON"]
