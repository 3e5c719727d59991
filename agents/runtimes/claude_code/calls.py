"""Claude Code's tools in the vocabulary that all runtimes share."""

import os
from functools import partial
from typing import Any

from agents.protocol.events import JSON
from agents.protocol.questions import make_question_call
from agents.protocol.runtime import ToolCall
from tasks.files.workspace import OUTSIDE, Workspace, path_action
from tasks.rules.visible_text import make_readable

# What exists for the agent: a tool that is not named here is not there.
ASK = "AskUserQuestion"
TOOLS = ("Read", "Glob", "Grep", "Write", "Edit", "Bash", "WebFetch", "Agent", ASK)
# What it fetches comes over the network that commands have, and they have none.
TOOLS_WITHOUT_NETWORK = tuple(name for name in TOOLS if name != "WebFetch")

# Kind of the action, input with the path, and what a person reads.
_FILES = {
    "Read": ("read", "file_path", "Reading file"),
    "Write": ("write", "file_path", "Writing file"),
    "Edit": ("write", "file_path", "Editing file"),
}
_SEARCHES = {"Glob": "Finding files", "Grep": "Searching files"}


def make_call(
    workspace: Workspace, call_id: str, tool_name: str, tool_input: JSON
) -> ToolCall:
    """Say what the call would do. What is not known here no rule covers."""
    if tool_name == ASK:
        return make_question_call(call_id, tool_name, tool_input)
    action, message = _describe(workspace, tool_name, tool_input)
    return ToolCall(
        call_id,
        tool_name,
        tool_input,
        action=action,
        message=message,
        remake=partial(make_call, workspace, call_id, tool_name),
    )


def resolve_path(workspace: Workspace, tool_name: str, tool_input: JSON) -> JSON:
    """Name the file itself, so that a link that is changed meanwhile leads nowhere else."""
    if tool_name not in _FILES:
        return tool_input
    _, name, _ = _FILES[tool_name]
    path = os.path.realpath(os.path.join(workspace.root, _get_text(tool_input, name)))
    return {**tool_input, name: path}


def _describe(
    workspace: Workspace, tool_name: str, tool_input: JSON
) -> tuple[str, str]:
    if tool_name in _FILES:
        kind, name, verb = _FILES[tool_name]
        action = path_action(workspace, kind, _get_text(tool_input, name))
        return action, f"{verb}: {_format_action_path(action)}"
    if tool_name in _SEARCHES:
        action = _make_search_action(workspace, tool_input)
        pattern = make_readable(_get_text(tool_input, "pattern"))
        return (
            action,
            f"{_SEARCHES[tool_name]}: {pattern} in {_format_action_path(action)}",
        )
    match tool_name:
        case "Bash":
            command = _get_text(tool_input, "command")
            return f"run:{command}", f"Running: {make_readable(command)}"
        case "WebFetch":
            url = _get_text(tool_input, "url")
            return f"fetch:{url}", f"Fetching: {make_readable(url)}"
        case "Agent":
            brief = make_readable(_get_text(tool_input, "description"))
            return "agent:start", f"Starting a helper agent: {brief}"
    if tool_name.startswith("mcp__"):
        server, _, tool = tool_name.removeprefix("mcp__").partition("__")
        return f"mcp:{server}/{tool}", f"Using {make_readable(f'{server}/{tool}')}"
    return f"tool:{tool_name}", f"Using {make_readable(tool_name)}"


def _make_search_action(workspace: Workspace, tool_input: JSON) -> str:
    """Return what a search goes through: a pattern may lead out of the folder it names."""
    for name in ("pattern", "glob"):
        pattern = _get_text(tool_input, name)
        if name == "pattern" and "output_mode" in tool_input:
            continue  # an expression to search for, no path
        if pattern.startswith(("/", "~")) or ".." in pattern.split("/"):
            return f"read:{OUTSIDE}{pattern}"
    path = _get_text(tool_input, "path") or workspace.root
    return path_action(workspace, "read", path, beneath=True)


def _format_action_path(action: str) -> str:
    path = action.partition(":")[2].removesuffix("/**").removeprefix(OUTSIDE)
    return make_readable(path.lstrip("/") if OUTSIDE not in action else path) or "/"


def _get_text(tool_input: JSON, name: str) -> str:
    value: Any = tool_input.get(name)
    return value if isinstance(value, str) else ""
