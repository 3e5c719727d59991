"""search: a regular expression over files. The work is done by `searcher`, in a process."""

import asyncio
import json
import os
import signal
import sys

from agents.protocol.cancellation import run_in_thread
from agents.protocol.events import JSON
from agents.protocol.tool_text import format_path
from agents.tools import searcher
from agents.tools.base import (
    Plan,
    Tool,
    ToolFailed,
    ToolRefused,
    decode_output,
    make_schema,
)
from tasks.files.workspace import Workspace
from tasks.rules.patterns import BENEATH
from tasks.rules.visible_text import make_readable

SEARCH_SECONDS = 10
MAX_PATTERN_CHARACTERS = 1_000


def _plan(workspace: Workspace, tool_input: JSON) -> Plan:
    located = workspace.locate(tool_input.get("path", ""))
    pattern = tool_input["pattern"]
    _require_usable(pattern, "regular expression", pattern)
    if glob := tool_input.get("glob"):
        _require_usable(searcher.translate_glob(glob), "glob", glob)
    message = f"Searching for '{make_readable(pattern)}' in {format_path(located)}"
    is_folder = os.path.isdir(workspace.root + located)
    # For rules: a folder is read with all that lies beneath it.
    target = located.rstrip("/") + BENEATH if is_folder else located
    return Plan("read", target, message)


def _require_usable(expression: str, kind: str, written: str) -> None:
    try:
        searcher.compile_pattern(expression)
    except ValueError as error:
        raise ToolRefused(f"{written!r} is no {kind}: {error}") from error


async def _search(workspace: Workspace, target: str, tool_input: JSON) -> str:
    located = target.removesuffix(BENEATH)
    handle = await run_in_thread(_open, workspace, target)
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", searcher.__file__),
            _make_arguments(handle, located, tool_input),
            pass_fds=[handle],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )
    finally:
        os.close(handle)
    return _check_result(await _read_output(process), process.returncode)


def _open(workspace: Workspace, target: str) -> int:
    """Open the file, or the folder with all beneath it, to hand it on."""
    if target.endswith(BENEATH):
        with workspace.folder(target.removesuffix(BENEATH)) as folder:
            return os.dup(folder)
    with workspace.open_file(target) as file:
        return os.dup(file.fileno())


def _make_arguments(handle: int, located: str, tool_input: JSON) -> str:
    return json.dumps(
        {
            "handle": handle,
            "located": located.lstrip("/"),
            "pattern": tool_input["pattern"],
            "glob": tool_input.get("glob", "*"),
            "seconds": SEARCH_SECONDS,
        }
    )


async def _read_output(process: asyncio.subprocess.Process) -> str:
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return decode_output(output)


def _check_result(found: str, code: int | None) -> str:
    if code == -signal.SIGALRM:
        raise ToolFailed(
            f"{found}The search was stopped after {SEARCH_SECONDS} seconds: "
            "use a simpler pattern, a glob or a smaller path."
        )
    if code != 0:
        raise ToolFailed(f"{found}The search broke off: use a simpler pattern.")
    return found.rstrip("\n") or "(Nothing was found.)"


SEARCH = Tool(
    make_schema(
        "search",
        "Search the text files of the workspace, line by line, for a regular expression "
        "(RE2's syntax: no lookarounds and back-references). Answers lines as path:number: text.",
        {
            "pattern": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_PATTERN_CHARACTERS,
                "description": "The regular expression; (?i) at its start ignores case.",
            },
            "path": {
                "type": "string",
                "description": "The folder or file to search; all of the workspace if left out.",
            },
            "glob": {
                "type": "string",
                "maxLength": MAX_PATTERN_CHARACTERS,
                "description": "Only files of that name or path, such as *.py.",
            },
        },
        required=("pattern",),
    ),
    plan=_plan,
    perform=_search,
)
