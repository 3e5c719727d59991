"""list, read, write and edit: files, without a process."""

import os
from itertools import islice
from typing import BinaryIO

from agents.protocol.cancellation import run_in_thread
from agents.protocol.events import JSON
from agents.protocol.tool_text import format_path
from agents.tools.base import (
    Plan,
    Tool,
    ToolFailed,
    ToolRefused,
    decode_output,
    make_schema,
)
from tasks.files.workspace import Workspace

MAX_ENTRIES = 1_000
MAX_SORTED_ENTRIES = 20_000
MAX_FILE_BYTES = 10 * 2**20  # of a file to write or edit
PAGE_BYTES = 256 * 2**10
PAGE_CHARACTERS = 29_000  # leaves room for the note under it
PAGE_LINES = 2_000
# How far a file is read to find a line, or to count the lines that are left.
SCAN_BYTES = 64 * 2**20
CHUNK_BYTES = 64 * 2**10

PATH = {"type": "string", "description": "Path in the workspace, such as src/main.py."}


# --- list ---------------------------------------------------------------------------


def _plan_list(workspace: Workspace, tool_input: JSON) -> Plan:
    located = workspace.locate(tool_input.get("path", ""))
    return Plan("read", located, f"Listing files: {format_path(located)}")


async def _list(workspace: Workspace, located: str, tool_input: JSON) -> str:
    return await run_in_thread(_list_folder, workspace, located)


def _list_folder(workspace: Workspace, located: str) -> str:
    with workspace.folder(located) as folder, os.scandir(folder) as found:
        entries = sorted(
            islice(found, MAX_SORTED_ENTRIES + 1), key=lambda entry: entry.name
        )
        lines = [_describe_entry(entry, folder) for entry in entries[:MAX_ENTRIES]]
    if len(entries) > MAX_SORTED_ENTRIES:
        lines.append(f"… more than {MAX_SORTED_ENTRIES - MAX_ENTRIES:,} more")
    elif len(entries) > MAX_ENTRIES:
        lines.append(f"… {len(entries) - MAX_ENTRIES:,} more")
    return "\n".join(lines) or "(The folder is empty.)"


def _describe_entry(entry: os.DirEntry[str], folder: int) -> str:
    name = decode_output(os.fsencode(entry.name))
    try:
        if entry.is_symlink():
            target = os.readlink(entry.name, dir_fd=folder)
            return f"{name} -> {decode_output(os.fsencode(target))}"
        if entry.is_dir(follow_symlinks=False):
            return f"{name}/"
        return f"{name}  {entry.stat(follow_symlinks=False).st_size:,} bytes"
    except OSError:  # gone since
        return name


LIST = Tool(
    make_schema(
        "list",
        "List a folder of the workspace: folders end in /, files have their size.",
        {
            "path": {
                "type": "string",
                "description": "The folder; the workspace itself if left out.",
            }
        },
    ),
    plan=_plan_list,
    perform=_list,
)


# --- read ---------------------------------------------------------------------------


def _plan_read(workspace: Workspace, tool_input: JSON) -> Plan:
    located = workspace.locate(tool_input["path"])
    return Plan("read", located, f"Reading file: {format_path(located)}")


async def _read(workspace: Workspace, located: str, tool_input: JSON) -> str:
    offset = tool_input.get("offset", 1)
    limit = tool_input.get("limit", PAGE_LINES)
    return await run_in_thread(
        _read_page, workspace, located, offset=offset, limit=limit
    )


def _read_page(workspace: Workspace, located: str, *, offset: int, limit: int) -> str:
    with workspace.open_file(located) as file:
        size = os.fstat(file.fileno()).st_size
        if b"\0" in file.read(CHUNK_BYTES):
            return f"(A binary file of {size:,} bytes.)"
        file.seek(0)
        _skip_lines(file, offset - 1)
        start = file.tell()
        taken = _take_lines(file.read(PAGE_BYTES), limit)
        file.seek(start + len(taken))
        left = _count_lines(file)
    if not taken:
        return f"(The file has no line {offset:,}.)" if size else "(The file is empty.)"
    return decode_output(taken) + _make_page_note(
        taken, next_line=offset + taken.count(b"\n"), left=left
    )


def _skip_lines(file: BinaryIO, count: int) -> None:
    while count and (piece := file.readline(CHUNK_BYTES)):
        count -= piece.endswith(b"\n")
        if file.tell() > SCAN_BYTES:
            raise ToolFailed(
                f"That line is more than {SCAN_BYTES:,} bytes into the file: "
                "use run, with sed -n or tail."
            )


def _take_lines(data: bytes, limit: int) -> bytes:
    """Keep whole lines, as many as fit into the output; of a longer first line its start."""
    end = 0
    for _ in range(limit):
        line_end = data.find(b"\n", end) + 1 or len(data)
        # Bytes, not characters: never fewer, and much quicker to tell.
        if line_end > PAGE_CHARACTERS:
            return data[: end or PAGE_CHARACTERS]
        if line_end == end:
            break
        end = line_end
    return data[:end]


def _count_lines(file: BinaryIO) -> int | None:
    """Count the lines from here to the end; None: too many to count."""
    lines, last = 0, b"\n"
    for _ in range(SCAN_BYTES // CHUNK_BYTES):
        piece = file.read(CHUNK_BYTES)
        if not piece:
            return lines + (last != b"\n")
        lines, last = lines + piece.count(b"\n"), piece[-1:]
    return None


def _make_page_note(taken: bytes, *, next_line: int, left: int | None) -> str:
    if left == 0:
        return ""
    if not taken.endswith(b"\n"):
        return f"\n… line {next_line:,} is too long and was cut; after it, offset={next_line + 1}"
    lines = "more lines" if left is None else f"{left:,} more lines"
    return f"… {lines}, read on with offset={next_line}"


READ = Tool(
    make_schema(
        "read",
        "Read a text file of the workspace. A long file comes in parts; the end of each part "
        "says how to read on.",
        {
            "path": PATH,
            "offset": {
                "type": "integer",
                "minimum": 1,
                "description": "The line to start at, from 1.",
            },
            "limit": {
                "type": "integer",
                "minimum": 1,
                "description": f"How many lines to read; {PAGE_LINES:,} if left out.",
            },
        },
        required=("path",),
    ),
    plan=_plan_read,
    perform=_read,
)


# --- write --------------------------------------------------------------------------


def _plan_write(workspace: Workspace, tool_input: JSON) -> Plan:
    located = workspace.locate_for_writing(tool_input["path"])
    if len(tool_input["content"].encode()) > MAX_FILE_BYTES:
        raise ToolRefused(f"content is longer than {MAX_FILE_BYTES:,} bytes.")
    return Plan("write", located, f"Writing file: {format_path(located)}")


async def _write(workspace: Workspace, located: str, tool_input: JSON) -> str:
    content = tool_input["content"].encode()
    await run_in_thread(workspace.replace_file, located, content)
    return f"Wrote {len(content):,} bytes to {format_path(located)}."


WRITE = Tool(
    make_schema(
        "write",
        "Write a file of the workspace: make it, with the folders it needs, or replace all of it.",
        {
            "path": PATH,
            "content": {"type": "string", "description": "The whole new content."},
        },
        required=("path", "content"),
    ),
    plan=_plan_write,
    perform=_write,
)


# --- edit ---------------------------------------------------------------------------


def _plan_edit(workspace: Workspace, tool_input: JSON) -> Plan:
    located = workspace.locate_for_writing(tool_input["path"])
    if tool_input["old_text"] == tool_input["new_text"]:
        raise ToolRefused("old_text and new_text are the same.")
    return Plan("write", located, f"Editing file: {format_path(located)}")


async def _edit(workspace: Workspace, located: str, tool_input: JSON) -> str:
    return await run_in_thread(_replace, workspace, located, tool_input)


def _replace(workspace: Workspace, located: str, tool_input: JSON) -> str:
    old, new = tool_input["old_text"].encode(), tool_input["new_text"].encode()
    with workspace.writing:
        with workspace.open_file(located) as file:
            before = file.read(MAX_FILE_BYTES + 1)
        count = before.count(old)
        if count == 0:
            raise ToolFailed(_describe_missing(before, old, located))
        if count > 1 and not tool_input.get("replace_all", False):
            raise ToolFailed(
                f"old_text occurs {count:,} times in {format_path(located)}: give more of the "
                "text around the place that is meant, or set replace_all."
            )
        # Reckoned before it is built: a short old_text and a long new_text fill the memory.
        size = len(before) + count * (len(new) - len(old))
        if max(size, len(before)) > MAX_FILE_BYTES:
            raise ToolFailed(
                f"The file is longer than {MAX_FILE_BYTES:,} bytes: use run."
            )
        workspace.replace_file(located, before.replace(old, new))
    places = "1 place" if count == 1 else f"{count:,} places"
    return f"Changed {places} in {format_path(located)}."


def _describe_missing(before: bytes, old: bytes, located: str) -> str:
    message = f"old_text is not in {format_path(located)}."
    if old.replace(b"\n", b"\r\n") in before:
        return f"{message} The lines of the file end in \\r\\n."
    return f"{message} It must be copied exactly, with its spaces and line breaks: read the file again."


EDIT = Tool(
    make_schema(
        "edit",
        "Change a text file of the workspace by replacing one text in it with another. "
        "old_text must occur exactly once, unless replace_all is set.",
        {
            "path": PATH,
            "old_text": {
                "type": "string",
                "minLength": 1,
                "description": "The text to replace, copied exactly from the file.",
            },
            "new_text": {"type": "string", "description": "What to put in its place."},
            "replace_all": {
                "type": "boolean",
                "description": "Replace every occurrence.",
            },
        },
        required=("path", "old_text", "new_text"),
    ),
    plan=_plan_edit,
    perform=_edit,
)
