"""How all that a command or an agent started is found and ended, also by a later worker.

Each carries a marker in its environment, which its children inherit. It names the worker
that started it, so that what a dead worker left behind is distinguished from what a live one runs.
What has cleared its environment is found beneath its supervisor: see `agents.workspaces.supervisor`.
"""

import os
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from agents.workspaces import supervision

MARKER = "STAGENT_RUN"
# Killed processes are gone in milliseconds, but where the machine is busy; one that hangs in
# the kernel is not waited for.
KILL_SECONDS = 10.0
POLL_SECONDS = 0.01


def make_marker() -> str:
    """Return what tells the processes of one command or agent from all others."""
    return f"{_name_worker()}-{secrets.token_hex(8)}"


def kill_marked(marker: str, pid: int | None) -> None:
    """Kill whatever carries `marker`, and what process `pid` started without it."""
    _kill_until_gone(
        lambda: _add_descendants(_find_carrying(marker) | _find_family(pid))
    )


def kill_strays() -> int:
    """Kill what dead workers of this machine left running; return how many that were."""
    return _kill_until_gone(lambda: _add_descendants(_find_strays()))


def _kill_until_gone(find: Callable[[], set[psutil.Process]]) -> int:
    """Kill what `find` finds until it finds nothing: a process may fork meanwhile.

    Supervisors end last and by themselves, for they have what we may not see: killed, they
    would let go of it.
    """
    signalled: set[psutil.Process] = set()
    asked: set[psutil.Process] = set()
    deadline = time.monotonic() + KILL_SECONDS
    while found := find():
        is_late = time.monotonic() >= deadline
        others = {process for process in found if not _is_supervisor(process)}
        _send(signal.SIGKILL, found if is_late else others)
        if not others:
            _send(signal.SIGTERM, found - asked)
            asked |= found
        signalled |= found
        if is_late:
            break
        time.sleep(POLL_SECONDS)
    return len(signalled)


def _send(number: int, targets: set[psutil.Process]) -> None:
    for process in targets:
        with suppress(psutil.Error):
            process.send_signal(number)


def _find_carrying(marker: str) -> set[psutil.Process]:
    return {process for process, found in find_marked() if found == marker}


def _add_descendants(found: set[psutil.Process]) -> set[psutil.Process]:
    """Add what they started. What hides is the child of a supervisor."""
    everything = set(found)
    for process in found:
        with suppress(psutil.Error):
            everything |= set(process.children(recursive=True))
    return everything


def _is_supervisor(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return supervision.SUPERVISOR in process.cmdline()
    return False


def _find_strays() -> set[psutil.Process]:
    return {process for process, marker in find_marked() if is_stray(marker)}


def is_stray(marker: str) -> bool:
    """Tell whether the worker that gave this marker is dead."""
    parts = marker.split("-")
    if len(parts) != 4 or not parts[1].isdecimal():
        return False
    namespace, pid, started_at, _ = parts
    # A worker in another container has a number that means nothing here.
    return namespace == _get_pid_namespace() and _read_start(int(pid)) != started_at


def find_marked() -> list[tuple[psutil.Process, str]]:
    """Find every process that carries a marker, except our own, which may be nested."""
    found = []
    for process in list_processes():
        with suppress(psutil.Error, OSError):
            marker = process.environ().get(MARKER)
            if marker and process.pid != os.getpid():
                found.append((process, marker))
    return found


def list_processes() -> list[psutil.Process]:
    """List the processes of this machine.

    Under load /proc has been seen to read as empty for once, at which psutil fails.
    """
    deadline = time.monotonic() + KILL_SECONDS
    while True:
        try:
            return list(psutil.process_iter())
        except IndexError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def _find_family(pid: int | None) -> set[psutil.Process]:
    """Find the process, its descendants and its group: some clear their environment."""
    if pid is None:
        return set()
    family = {process for process in list_processes() if _get_group(process) == pid}
    with suppress(psutil.Error):
        family |= set(psutil.Process(pid).children(recursive=True))
    return family


def _get_group(process: psutil.Process) -> int | None:
    try:
        group = os.getpgid(process.pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else group
    except (psutil.Error, OSError):
        return None


def _name_worker() -> str:
    """Name this process so that no other is ever taken for it."""
    pid = os.getpid()
    return f"{_get_pid_namespace()}-{pid}-{_read_start(pid)}"


def _get_pid_namespace() -> str:
    return str(os.stat("/proc/self/ns/pid").st_ino)


def _read_start(pid: int) -> str | None:
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
