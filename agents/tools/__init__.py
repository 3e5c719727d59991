"""The tools that our own agent loop gives to a model."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from agents.protocol.events import JSON
from agents.protocol.runtime import ToolCall
from agents.protocol.tool_text import clip_output
from agents.tools import ask, command, files, search
from agents.tools.base import Tool, ToolFailed, ToolRefused, ToolSchema, check_input
from tasks.files.workspace import PathRefused, Workspace

__all__ = ["ALL", "ToolFailed", "ToolRefused", "ToolSchema", "Toolbox"]

# The order is what a provider's prompt cache sees, so it never changes. The first takes an
# empty input: a tiny model calls the first tool with no more than that.
TOOLS = (files.LIST, files.READ, search.SEARCH, files.WRITE, files.EDIT, command.RUN)
# Tools that act, and the one that asks a person.
ALL = (*(tool.schema.name for tool in TOOLS), ask.NAME)


class Toolbox:
    """Some of the tools, in one workspace."""

    schemas: list[ToolSchema]

    def __init__(
        self, workspace: Path, *, names: Sequence[str] = ALL, network: bool = False
    ) -> None:
        if unknown := set(names) - set(ALL):
            raise ValueError(f"No such tools: {', '.join(sorted(unknown))}")
        self._workspace = Workspace(workspace, network=network)
        self._tools = {
            tool.schema.name: tool for tool in TOOLS if tool.schema.name in names
        }
        self.schemas = [tool.schema for tool in self._tools.values()]
        self._can_ask = ask.NAME in names
        if self._can_ask:
            self.schemas.append(ask.SCHEMA)

    def asks_a_person(self, name: str) -> bool:
        return self._can_ask and name == ask.NAME

    def prepare(self, call_id: str, name: str, tool_input: JSON) -> ToolCall:
        """Check the input and say what it would do, or raise ToolRefused."""
        if self.asks_a_person(name):
            return ask.prepare(call_id, tool_input)
        tool = self._tool(name)
        checked = check_input(tool.schema, tool_input)
        try:
            plan = tool.plan(self._workspace, checked)
        except PathRefused as refused:
            raise ToolRefused(str(refused)) from refused
        action = f"{plan.kind}:{plan.target}"
        return ToolCall(
            call_id,
            name,
            checked,
            action=action,
            message=plan.message,
            remake=partial(self.prepare, call_id, name),
        )

    async def execute(self, call: ToolCall) -> str:
        """Do what `call` says and return what there is to tell the model.

        Raise ToolRefused or ToolFailed; when cancelled, end everything that was started.
        """
        tool = self._tool(call.tool_name)
        # What was allowed is the action: a link may lead elsewhere since.
        if (
            self.prepare(call.call_id, call.tool_name, call.tool_input).action
            != call.action
        ):
            raise ToolRefused(f"This is no longer what was allowed: {call.message}")
        target = call.action.partition(":")[2]
        try:
            return clip_output(
                await tool.perform(self._workspace, target, call.tool_input)
            )
        except PathRefused as refused:
            raise ToolRefused(str(refused)) from refused
        except OSError as error:
            raise ToolFailed(f"{call.message}: {error.strerror}") from error

    def _tool(self, name: str) -> Tool:
        tool = self._tools.get(name)
        if tool is None:
            there = ", ".join(schema.name for schema in self.schemas)
            raise ToolRefused(f"There is no tool {name!r}; there are: {there}.")
        return tool
