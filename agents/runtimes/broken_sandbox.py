"""Tells whether a run could do nothing because this machine cannot confine commands.

A sandbox that does not start says so in place of the command, and the model takes that for
the command's own failure: it tells of it in its answer at best.
"""

import re

from agents.protocol.runtime import RuntimeFailed
from agents.providers import causes
from agents.providers.failures import make_failure

# What bubblewrap says when it cannot start, where the command's output would be; and what
# Codex makes of that for a patch, and of a shell that its sandbox hides.
_COMPLAINT = re.compile(
    r"^(bwrap: .+|Failed to write file .+|Failed to execvp .+)", re.MULTILINE
)
# Said to the agent where its run is resumed.
MENDED = (
    "None of your commands could be run, since the sandbox of the machine was broken. It may"
    " be mended now: run again what you need, and then answer anew."
)


class CommandTally:
    """What came of the commands of a run."""

    def __init__(self) -> None:
        self._outputs: list[str] = []

    def add(self, output: str) -> None:
        """Count a command that was to be run, by all that came of it."""
        self._outputs.append(output)

    def find_failure(self) -> RuntimeFailed | None:
        """Return what the run failed of if none of its commands could be run, else None."""
        complaints = [_COMPLAINT.search(output) for output in self._outputs]
        if not complaints or not (last := complaints[-1]) or not all(complaints):
            return None
        failure = make_failure(causes.BROKEN_SANDBOX, None, last[0][:300])
        return failure if isinstance(failure, RuntimeFailed) else None
