"""The agent's own session, kept in our database and laid down again wherever it goes on.

The CLI writes a transcript, a line of JSON a step, and the SDK hands each to a store. Ours
makes checkpoints of them. To go on, the lines are written where the CLI looks for them, in a
folder that only this run has.
"""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Self

from claude_agent_sdk import project_key_for_directory

from agents.protocol.events import JSON, CheckpointReached
from agents.protocol.inbox import Message, list_ids
from agents.protocol.runtime import Assignment, Checkpoint
from tasks.files.workspace import PathRefused, Workspace

FORMAT = "claude-code-transcript"
STARTING_AFRESH = "The kept conversation cannot be read: starting afresh."


class KeptSession:
    """A session's id and transcript, and the store that the SDK writes into."""

    def __init__(self, *, skipped: int = 0) -> None:
        # Ours, and kept before the process starts: whatever comes, it can be looked for.
        self.id = str(uuid.uuid4())
        self.lines: list[JSON] = []
        self.result: str | None = None
        self.was_done = False  # when it was taken up
        self._skipped = skipped  # kept items of a session that could not be read
        self._known: set[str] = set()
        self._calls: set[str] = set()  # of tools, in the lines
        self._undelivered: dict[
            str, tuple[uuid.UUID, ...]
        ] = {}  # messages, by their line
        # Of those, the lines that the agent read in the middle of a turn.
        self.read_in_turns: set[str] = set()
        self._grew = asyncio.Event()
        self._listener: Callable[[CheckpointReached], None] = lambda _: None

    @classmethod
    def take_up(cls, assignment: Assignment) -> tuple[Self, str]:
        """Take up what was kept; return it with what a person should know of that."""
        kept = assignment.checkpoint
        if kept is None:
            return cls(), ""
        restored = cls._restore(kept)
        return restored or cls(skipped=len(kept.items)), (
            "" if restored else STARTING_AFRESH
        )

    @classmethod
    def _restore(cls, kept: Checkpoint) -> Self | None:
        state = kept.state
        try:
            session = cls(skipped=int(state["skipped"]))
            session.id = str(uuid.UUID(state["session_id"]))
            session.result = state["result"]
        except (KeyError, TypeError, ValueError):
            return None
        session.lines = kept.items[session._skipped :]
        session._known = {str(line.get("uuid")) for line in session.lines}
        # Stopped before the first line was kept, there is nothing to go on with.
        is_sound = state.get("format") == FORMAT and bool(session.lines)
        return session if is_sound else None

    def reopen(self) -> None:
        """Take up a session that had come to its end: somebody has said more."""
        self.result, self.was_done = None, True

    def begin_again(self) -> None:
        """Leave the session, which the CLI cannot read, for a new one."""
        self._skipped += len(self.lines)
        self.id, self.lines, self._known = str(uuid.uuid4()), [], set()

    def write_transcript(self, config: Path, workspace: str) -> None:
        """Write the transcript where the CLI will look for it."""
        file = self._locate_file(config, workspace)
        file.parent.mkdir(parents=True)
        file.write_text("".join(f"{json.dumps(line)}\n" for line in self.lines))

    def read_transcript(self, config: Path, workspace: str) -> list[JSON]:
        """Read what the CLI wrote down: at its end the SDK no longer listens.

        The CLI's commands can write there, too: what is no plain file of that folder may be a
        link to what only we can read, or a pipe that nobody ever writes to.
        """
        located = self._locate_file(config, workspace).relative_to(config)
        try:
            with Workspace(config).open_file(str(located)) as file:
                text = file.read().decode(errors="replace")
        except (OSError, PathRefused):
            return []
        return [line for line in map(_parse_line, text.split("\n")) if line]

    def _locate_file(self, config: Path, workspace: str) -> Path:
        folder = config / "projects" / project_key_for_directory(workspace)
        return folder / f"{self.id}.jsonl"

    def set_listener(self, emit: Callable[[CheckpointReached], None]) -> None:
        self._listener = emit

    def make_checkpoint(
        self,
        new: list[JSON] | None = None,
        *,
        will_continue: bool = False,
        delivered: tuple[uuid.UUID, ...] = (),
    ) -> CheckpointReached:
        state = {
            "format": FORMAT,
            "session_id": self.id,
            "skipped": self._skipped,
            "result": self.result,
        }
        return CheckpointReached(state, new or [], will_continue, delivered)

    def register_messages(self, messages: Sequence[Message]) -> str:
        """Return an id for the line by which the CLI gets these messages.

        The transcript has it once the agent has them.
        """
        line_id = str(uuid.uuid4())
        self._undelivered[line_id] = list_ids(messages)
        return line_id

    # --- The SDK's store ---------------------------------------------------------------

    async def append(self, key: Any, entries: list[Any]) -> None:
        """Keep new lines of the main transcript, each once: the SDK may repeat a batch.

        A helper agent's own transcript is not kept: what it answered is in the main one.
        """
        if key.get("subpath"):
            return
        self.keep(entries)

    def keep(self, entries: list[Any]) -> None:
        """Make a checkpoint of what is new."""
        new = [dict(entry) for entry in entries if self._is_new(entry)]
        self.lines += new
        if new:
            self._calls.update(chain.from_iterable(map(_find_call_ids, new)))
            delivered = tuple(chain.from_iterable(map(self._take_delivered, new)))
            self._listener(self.make_checkpoint(new, delivered=delivered))
            self._grew.set()

    def _take_delivered(self, line: JSON) -> tuple[uuid.UUID, ...]:
        """Return the messages that the agent has with this line."""
        attached = line.get("attachment") or {}
        if attached.get("type") == "queued_command":
            line_id = str(attached.get("source_uuid"))
            self.read_in_turns.add(line_id)
        else:
            line_id = str(line.get("uuid"))
        return self._undelivered.pop(line_id, ())

    async def wait_for_call(self, call_id: str) -> None:
        """Wait until the transcript holds a call, so that an agent taken up again knows of it."""
        while call_id not in self._calls:
            self._grew.clear()
            await self._grew.wait()

    async def load(self, key: Any) -> None:
        """Load nothing: `write_transcript` has put it in place."""

    def _is_new(self, entry: JSON) -> bool:
        identity = entry.get("uuid")
        if identity is None:
            return True
        is_new = str(identity) not in self._known
        self._known.add(str(identity))
        return is_new


def _find_call_ids(line: JSON) -> Iterator[str]:
    content = (line.get("message") or {}).get("content")
    for block in content if isinstance(content, list) else []:
        if isinstance(block, dict) and block.get("type") == "tool_use":
            yield str(block.get("id"))


def _parse_line(text: str) -> JSON | None:
    """Read a line that has an identity; of the others it is not known which are new."""
    try:
        line = json.loads(text)
    except ValueError:  # of a process that was killed while it wrote
        return None
    return line if isinstance(line, dict) and line.get("uuid") else None
