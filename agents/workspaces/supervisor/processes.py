"""What a supervisor's command started, wherever it went: its descendants by the kernel's word."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

PAUSE_SECONDS = 0.005
# One that hangs in the kernel is not waited for.
KILL_SECONDS = 5.0


def find_descendants() -> set[int]:
    """Return all processes that come from this one."""
    children: dict[int, list[int]] = {}
    for pid, parent in _list_parents():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    unseen = [os.getpid()]
    while unseen:
        unseen.extend(new := children.get(unseen.pop(), []))
        found.update(new)
    return found


def kill_all() -> None:
    """Kill all descendants until there is none: they may fork meanwhile."""
    deadline = time.monotonic() + KILL_SECONDS
    while _has_children() and time.monotonic() < deadline:
        alive = find_descendants()
        # Stopped first, so that none makes another while the rest is killed.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in alive:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        time.sleep(PAUSE_SECONDS)


def measure_memory(pids: set[int]) -> int:
    """Sum up the bytes that the processes have for themselves."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for pid in pids:
        with suppress(OSError, ValueError), open(f"/proc/{pid}/statm") as file:
            _, resident, shared, *_ = map(int, file.read().split())
            total += max(resident - shared, 0) * page
    return total


def _has_children() -> bool:
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None or (
            _has_living()
        )
    except ChildProcessError:
        return False


def _has_living() -> bool:
    """Tell whether more than the dead, whom the main thread takes leave of, are left.

    One look misses who forks and ends at once, again and again. But the dead stay, and
    theirs are then ours: where a second look finds nobody new, nobody was missed.
    """
    seen: set[int] = set()
    while True:
        found = find_descendants()
        if any(state not in "ZX" for state in map(_read_state, found)):
            return True
        if found <= seen:
            return False
        seen |= found


def _read_state(pid: int) -> str:
    fields = _read_stat(pid)
    return fields[0] if fields else "X"


def _list_parents() -> Iterator[tuple[int, int]]:
    for name in os.listdir("/proc"):
        if name.isdecimal() and (fields := _read_stat(int(name))):
            yield int(name), int(fields[1])


def _read_stat(pid: int) -> list[str]:
    """Return the fields after the name, of which the first are state and parent."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].decode().split()
    except OSError:
        return []
