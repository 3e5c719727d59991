"""Whether an agent that is a program of its own works on this machine.

It is started as a run starts it, with the same programs, folders and denials: whatever else
were tried could work where a run does not. The machine decides, so one that works is not
tried again in the life of a process; one that does not is, a minute later, for somebody may
have mended it.
"""

import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Lock

from agents.workspaces.supervision import ConfinementRefused
from tasks.files.folders import all_workspaces

PROBE_SECONDS = 20
RETRY_SECONDS = 60
SAID_CHARACTERS = 300


class Probe:
    """Asks `find_obstacle` of a module, which is imported when it is asked first."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = Lock()
        self._obstacle: tuple[str, str] | None = None
        self._due_at = 0.0

    def find_obstacle(self) -> tuple[str, str]:
        """Return why the agent does not work here and what mends it; nothing where it does."""
        with self._lock:
            if self._obstacle is None or (any(self._obstacle) and self._is_due()):
                self._obstacle = self._ask()
                self._due_at = time.monotonic() + RETRY_SECONDS
            return self._obstacle

    def _is_due(self) -> bool:
        return time.monotonic() >= self._due_at

    def _ask(self) -> tuple[str, str]:
        try:
            obstacle: tuple[str, str] = import_module(self._module).find_obstacle()
        except ConfinementRefused as refused:
            return str(refused), ""
        except OSError as error:
            return (
                f"An agent's folders cannot be made ({error}).",
                "Let the server's user write STAGENT_HOME.",
            )
        return obstacle


CLAUDE_CODE = Probe("agents.runtimes.claude_probe")
CODEX = Probe("agents.runtimes.codex.probe")


@contextmanager
def make_workspace() -> Iterator[Path]:
    """Make a workspace where those of the tasks are, for as long as a probe takes."""
    parent = all_workspaces()
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="probe-", dir=parent.resolve()) as folder:
        yield Path(folder)


def run_probe(
    command: Sequence[str], *, folder: Path, environment: dict[str, str]
) -> str:
    """Run a command; return the end of what it says if it fails, nothing if it does not."""
    try:
        subprocess.run(  # noqa: S603 (no part of it comes from outside)
            command,
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
            cwd=folder,
            env=environment,
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip() or error.stdout
        words = " ".join(said.decode(errors="replace").split())
        return words[-SAID_CHARACTERS:] or f"exit code {error.returncode}"
    except subprocess.TimeoutExpired:
        return f"no answer for {PROBE_SECONDS} s"
    return ""
