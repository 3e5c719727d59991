"""run: a shell command in the workspace."""

import asyncio
from contextlib import suppress

from agents.protocol.cancellation import run_in_thread, run_to_end
from agents.protocol.events import JSON
from agents.tools.base import Plan, Tool, ToolFailed, decode_output, make_schema
from agents.workspaces import sandbox
from agents.workspaces.supervision import ConfinementRefused
from tasks.files.workspace import Workspace
from tasks.rules.visible_text import make_readable

DEFAULT_SECONDS = 120
MAX_SECONDS = 600
# One argument of a process holds 128 KiB.
MAX_COMMAND_CHARACTERS = 30_000
HEAD_BYTES = 10_000
TAIL_BYTES = 18_000
# A process that escaped may hold the output open.
DRAIN_SECONDS = 1


class _Output(asyncio.SubprocessProtocol):
    """The start and the end of what a process writes; the rest is only counted."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.exited = asyncio.Event()
        self._closed = asyncio.Event()
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)  # noqa: S101 (for mypy)
        self._transport = transport
        self.pid = transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        room = HEAD_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if (excess := len(self._tail) - TAIL_BYTES) > 0:
            del self._tail[:excess]
            self._left_out += excess

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._closed.set()

    async def close(self) -> None:
        """Wait for the last of the output, then let go of it."""
        if self.pid is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._closed.wait()
        self._transport.close()

    def read_text(self) -> str:
        cut = (
            f"\n… {self._left_out:,} bytes left out …\n".encode()
            if self._left_out
            else b""
        )
        return decode_output(bytes(self._head + cut + self._tail))

    def get_exit_code(self) -> int | None:
        code = self._transport.get_returncode()
        # As shells count it, which is what the command's own shell says of its children.
        return 128 - code if code is not None and code < 0 else code


def _plan(workspace: Workspace, tool_input: JSON) -> Plan:
    command = tool_input["command"]
    return Plan("run", command, f"Running: {make_readable(command)}")


async def _run(workspace: Workspace, command: str, tool_input: JSON) -> str:
    seconds = tool_input.get("timeout_seconds", DEFAULT_SECONDS)
    # The first time it starts a process; from then on it is known.
    await run_in_thread(sandbox.find_bubblewrap)
    try:
        confinement = await run_in_thread(
            sandbox.confine, workspace.root, has_network=workspace.network
        )
    except ConfinementRefused as refused:
        raise ToolFailed(str(refused)) from refused
    output = _Output()
    try:
        argv = await run_in_thread(confinement.make_argv, command)
        is_over = await _run_for(seconds, confinement, argv, output)
    except ConfinementRefused as refused:
        raise ToolFailed(str(refused)) from refused
    finally:
        await run_to_end(_clean_up(confinement, output))
    if not is_over:
        raise ToolFailed(_add_note(output, f"[stopped after {seconds} seconds]"))
    code = output.get_exit_code()
    return _add_note(output, f"[exit code {code}]" if code else "") or "(No output.)"


async def _clean_up(confinement: sandbox.Confinement, output: _Output) -> None:
    await asyncio.to_thread(confinement.end, output.pid)
    await output.close()


async def _run_for(
    seconds: int, confinement: sandbox.Confinement, argv: list[str], output: _Output
) -> bool:
    loop = asyncio.get_running_loop()
    start = loop.subprocess_exec(
        lambda: output,
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=confinement.workspace,
        env=confinement.make_environment(),
        start_new_session=True,
    )
    # Cancelled half-way, asyncio would wait for whoever holds the output open.
    await run_to_end(start)
    try:
        async with asyncio.timeout(seconds):
            await output.exited.wait()
    except TimeoutError:
        return False
    return True


def _add_note(output: _Output, note: str) -> str:
    text = output.read_text()
    return f"{text.rstrip()}\n{note}".lstrip("\n") if note else text


RUN = Tool(
    make_schema(
        "run",
        "Run a shell command in the workspace and answer its output, standard error included. "
        "It has no input and no terminal. When it ends, what it started in the background "
        "ends too; $HOME and $TMPDIR are empty at each start, only the workspace is kept.",
        {
            "command": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_COMMAND_CHARACTERS,
                "description": "The command line, for bash.",
            },
            "timeout_seconds": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_SECONDS,
                "description": f"When to stop it; {DEFAULT_SECONDS} if left out.",
            },
        },
        required=("command",),
    ),
    plan=_plan,
    perform=_run,
)
