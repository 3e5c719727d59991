"""A `codex app-server` process, spoken to in JSON-RPC: a line of JSON a message, over stdio.

What it says of itself, and what it asks, comes through `inbox` in the order in which it
was said; the end of the process is the last message. Nothing here knows what it means.
"""

import asyncio
import json
import re
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Literal

from agents.protocol.cancellation import run_to_end
from agents.protocol.events import JSON

CALL_SECONDS = 60  # it answers in milliseconds, on a busy machine in seconds
# From closing its input, which ends its commands too, to asking louder.
EXIT_SECONDS = 1.0
MAX_LINE = 64 << 20  # bytes; a command's output is cut at 1 MiB by Codex
STDERR_LINES = 20

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# All that is said besides would only be thrown away: outputs come again, whole.
UNUSED_NOTIFICATIONS = (
    "item/commandExecution/outputDelta",
    "item/fileChange/outputDelta",
    "turn/diff/updated",
    "account/rateLimits/updated",
    "thread/readState/changed",
)

# Method, params and id: the id is None unless an answer is waited for.
Message = tuple[str, JSON, int | str | None]
END: Message = ("", {}, None)


class CallRefused(Exception):
    """It answered a call with an error."""


class Gone(Exception):
    """The process has ended, or does not answer."""


class AppServer:
    """One `codex app-server` process: calls to it, its replies, and what it says by itself."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._process: asyncio.subprocess.Process | None = None
        self._calls: dict[int, asyncio.Future[JSON]] = {}
        self._ids = count(1)
        self._readers: list[asyncio.Task[None]] = []
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def get_exit_code(self) -> int | None:
        """Return how the process ended, or is just ending; None: it does not."""
        if self._process is None:
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(EXIT_SECONDS):
                await self._process.wait()
        return self._process.returncode

    @property
    def stderr_end(self) -> str:
        return " ".join(line.strip() for line in self._stderr)[-1_000:]

    async def start(
        self, argv: Sequence[str], *, cwd: Path, environment: dict[str, str]
    ) -> None:
        # To the end: of a process that was started half-way nobody would know.
        await run_to_end(self._spawn(argv, cwd, environment))
        capabilities = {
            "experimentalApi": True,  # for tools of ours and for ending background commands
            "optOutNotificationMethods": list(UNUSED_NOTIFICATIONS),
        }
        client = {"name": "stagent", "version": "1"}
        await self.call(
            "initialize", {"clientInfo": client, "capabilities": capabilities}
        )
        self._send({"method": "initialized"})

    async def call(
        self, method: str, params: JSON, *, seconds: float = CALL_SECONDS
    ) -> JSON:
        """Call `method` and return its result, or raise CallRefused or Gone."""
        call_id = next(self._ids)
        answer: asyncio.Future[JSON] = asyncio.get_running_loop().create_future()
        self._calls[call_id] = answer
        try:
            self._send({"id": call_id, "method": method, "params": params})
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            raise Gone(f"no answer to {method} within {seconds:g} s") from None
        finally:
            del self._calls[call_id]

    def reply(
        self, request_id: int | str, content: JSON, *, kind: Literal["result", "error"]
    ) -> None:
        """Reply to a request of it; one that it no longer waits for does no harm."""
        with suppress(Gone):
            self._send({"id": request_id, kind: content})

    async def close(self) -> None:
        """End the process and its commands, as politely as it lets us."""
        if self._process is None:
            return
        process = self._process
        assert process.stdin is not None  # noqa: S101 (for mypy)
        process.stdin.close()
        for louder in (process.terminate, process.kill, None):
            with suppress(TimeoutError):
                async with asyncio.timeout(EXIT_SECONDS):
                    await process.wait()
                break
            if louder:
                with suppress(ProcessLookupError):
                    louder()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    async def _spawn(
        self, argv: Sequence[str], cwd: Path, environment: dict[str, str]
    ) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=cwd,
            env=environment,
            limit=MAX_LINE,
            start_new_session=True,
        )
        stdout, stderr = self._process.stdout, self._process.stderr
        assert stdout is not None  # noqa: S101 (for mypy)
        assert stderr is not None  # noqa: S101 (for mypy)
        self._readers = [
            asyncio.create_task(self._read(stdout)),
            asyncio.create_task(self._read_stderr(stderr)),
        ]

    def _send(self, message: JSON) -> None:
        stdin = self._process.stdin if self._process else None
        if stdin is None or stdin.is_closing():
            raise Gone("it has ended")
        # Not drained: what we say is small, and it reads whenever it is alive.
        stdin.write(json.dumps(message).encode() + b"\n")

    async def _read(self, stdout: asyncio.StreamReader) -> None:
        try:
            async for line in stdout:
                self._dispatch(json.loads(line))
        except ValueError as error:  # a line that is too long, or no JSON
            self._stderr.append(f"It cannot be understood: {error}"[:200])
        finally:
            for answer in self._calls.values():
                if not answer.done():
                    answer.set_exception(Gone("it has ended"))
            self.inbox.put_nowait(END)

    def _dispatch(self, message: JSON) -> None:
        if "method" in message:
            params = message.get("params") or {}
            self.inbox.put_nowait((message["method"], params, message.get("id")))
            return
        answer = self._calls.get(message["id"])
        if answer is None or answer.done():
            return
        if error := message.get("error"):
            answer.set_exception(CallRefused(str(error.get("message"))))
        else:
            answer.set_result(message["result"])

    async def _read_stderr(self, stderr: asyncio.StreamReader) -> None:
        with suppress(ValueError):
            async for line in stderr:
                self._stderr.append(COLOURS.sub("", line.decode(errors="replace")))
