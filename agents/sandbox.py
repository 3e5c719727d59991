"""What a command that an agent runs may see, and how all it started is found and ended.

Every command carries a marker in its environment, which its children inherit. It names
the worker that started it, so that what a dead worker left behind is told from what a
live one runs. With bubblewrap the kernel does the same, and hides the machine besides.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from glob import glob
from pathlib import Path

import psutil
from django.conf import settings

MARKER = "STAGENT_RUN"
# Killed processes are gone in milliseconds; one that hangs in the kernel is not waited for.
KILL_SECONDS = 2.0
POLL_SECONDS = 0.01
PROBE_SECONDS = 10

# Followed by the marker, so that what a dead worker left is told here too.
_SCRATCH = os.path.join(tempfile.gettempdir(), "stagent-run-")


# A folder that looks like a bare repository brings a configuration that runs programs, and
# none of its files has a name by which a rule could tell it from others.
GIT = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.bareRepository",
    "GIT_CONFIG_VALUE_0": "explicit",
}


@dataclass(frozen=True)
class Confinement:
    """Where one command runs: the workspace, and a folder for its HOME and TMPDIR."""

    workspace: str
    scratch: str
    marker: str

    def argv(self, command: str) -> list[str]:
        shell = "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"
        return [*self.launcher(), shell, "-c", command]

    def launcher(
        self, *, programs: Sequence[str] = (), last_word: str = "KILL"
    ) -> list[str]:
        """Return what a command line starts with to run confined.

        `programs` are files or folders that it needs from what is hidden, by their real paths;
        `last_word` is the signal that it gets when the worker is gone: TERM, if it ends its
        own children then.
        """
        if bubblewrap := find_bubblewrap():
            return self._in_bubblewrap(bubblewrap, programs)
        if setpriv := shutil.which("setpriv"):
            # Ends it with the worker, or rather with the thread that started it.
            return [setpriv, "--pdeathsig", last_word, "--"]
        return []

    @property
    def shown_scratch(self) -> str:
        """The folder `scratch`, as the command sees it."""
        return "/tmp" if find_bubblewrap() else self.scratch  # noqa: S108

    def environment(self) -> dict[str, str]:
        """List all that a command gets of our environment: it holds keys and passwords."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "TERM": "dumb",
            "HOME": f"{self.shown_scratch}/home",
            "TMPDIR": self.shown_scratch,
            **GIT,
            MARKER: self.marker,
        }

    def end(self, pid: int | None) -> None:
        """Kill all that the command started, as its process `pid` or from there on."""
        self.kill(pid)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def kill(self, pid: int | None = None) -> None:
        kill_marked(self.marker, pid)

    def _in_bubblewrap(self, bubblewrap: str, programs: Sequence[str]) -> list[str]:
        return [
            *(bubblewrap, *_machine()),
            *("--bind", self.scratch, "/tmp"),  # noqa: S108
            *("--bind", self.workspace, self.workspace, "--chdir", self.workspace),
            # Last: one beneath /tmp would be hidden again by the command's own.
            *(part for path in programs for part in ("--ro-bind", path, path)),
            "--",
        ]


def new_marker() -> str:
    """Return what tells the processes of one command or agent from all others."""
    return f"{_worker()}-{secrets.token_hex(8)}"


def kill_marked(marker: str, pid: int | None) -> None:
    """Kill whatever carries `marker`, and what process `pid` started without it."""
    _kill_until_gone(lambda: _carrying(marker) | _family(pid))


def agent_homes() -> Path:
    """Return where agents that are processes have their homes, each named by its marker."""
    return Path(settings.STAGENT_HOME).resolve() / "agents"


def confine(workspace: str) -> Confinement:
    marker = new_marker()
    scratch = f"{_SCRATCH}{marker}"
    os.mkdir(scratch, 0o700)
    os.mkdir(f"{scratch}/home")
    return Confinement(workspace, scratch, marker)


def find_bubblewrap() -> str | None:
    """Find bubblewrap where it works; the first call starts it to see."""
    return _probe()[0]


def describe() -> str:
    """Say what confines commands, for `manage.py check`."""
    bubblewrap, problem = _probe()
    return "bubblewrap" if bubblewrap else f"none: {problem}"


def kill_strays() -> int:
    """Kill what dead workers of this machine left running; return how many that were.

    The folders that were their own go too.
    """
    killed = _kill_until_gone(_strays)
    for prefix in (_SCRATCH, f"{agent_homes()}/"):
        for folder in glob(f"{prefix}*"):
            if _is_stray(folder.removeprefix(prefix)):
                shutil.rmtree(folder, ignore_errors=True)
    return killed


@cache
def _probe() -> tuple[str | None, str]:
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        return (
            None,
            "commands see all that the worker sees; install it: apt install bubblewrap",
        )
    try:
        subprocess.run(  # noqa: S603 (no part of it comes from outside)
            [bubblewrap, *_machine(), "--", "true"],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    else:
        return bubblewrap, ""
    return None, f"bubblewrap does not work here; allow user namespaces ({reason})"


def _machine() -> list[str]:
    """Show the machine read-only and without its other processes."""
    # /run is hidden for its sockets, but the resolver's file is often there.
    resolver = os.path.realpath("/etc/resolv.conf")
    return [
        *("--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc"),
        # Root would otherwise keep what it takes to mount the system writable again.
        *("--cap-drop", "ALL"),
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
        *(part for folder in hidden_folders() for part in ("--tmpfs", folder)),
        *("--ro-bind-try", resolver, resolver),
    ]


def hidden_folders() -> list[str]:
    """List what commands shall not see: our data, other tasks' folders, people's keys."""
    folders = ["/home", "/root", "/run", str(Path.home()), str(settings.STAGENT_HOME)]
    resolved = {os.path.realpath(folder) for folder in folders} - {"/"}
    return sorted(folder for folder in resolved if os.path.isdir(folder))


# --- Finding processes ------------------------------------------------------------------


def _kill_until_gone(find: Callable[[], set[psutil.Process]]) -> int:
    """Kill what `find` finds until it finds nothing: a process may fork meanwhile."""
    killed: set[psutil.Process] = set()
    deadline = time.monotonic() + KILL_SECONDS
    while (found := find()) and time.monotonic() < deadline:
        for process in found:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        killed |= found
        time.sleep(POLL_SECONDS)
    return len(killed)


def _carrying(marker: str) -> set[psutil.Process]:
    return {process for process, found in _marked() if found == marker}


def _strays() -> set[psutil.Process]:
    return {process for process, marker in _marked() if _is_stray(marker)}


def _is_stray(marker: str) -> bool:
    parts = marker.split("-")
    if len(parts) != 4 or not parts[1].isdecimal():
        return False
    namespace, pid, started_at, _ = parts
    # A worker in another container has a number that means nothing here.
    return namespace == _pid_namespace() and _start_of(int(pid)) != started_at


def _marked() -> list[tuple[psutil.Process, str]]:
    """Find every process that carries a marker, except our own, which may be nested."""
    marked = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            marker = process.environ().get(MARKER)
            if marker and process.pid != os.getpid():
                marked.append((process, marker))
    return marked


def _family(pid: int | None) -> set[psutil.Process]:
    """Find the process, its descendants and its group: some clear their environment."""
    if pid is None:
        return set()
    family = {process for process in psutil.process_iter() if _group_of(process) == pid}
    with suppress(psutil.Error):
        family |= set(psutil.Process(pid).children(recursive=True))
    return family


def _group_of(process: psutil.Process) -> int | None:
    try:
        group = os.getpgid(process.pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else group
    except (psutil.Error, OSError):
        return None


def _worker() -> str:
    """Name this process so that no other is ever taken for it."""
    pid = os.getpid()
    return f"{_pid_namespace()}-{pid}-{_start_of(pid)}"


def _pid_namespace() -> str:
    return str(os.stat("/proc/self/ns/pid").st_ino)


def _start_of(pid: int) -> str | None:
    """Tell when a process started, in ticks since boot; None: it is no more.

    The clock may be set and psutil's creation time with it; this never changes.
    """
    try:
        state, *fields = (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        )
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else fields[18]
