"""Run one command or agent, and let nothing of it outlive it: `python supervisor JSON ARGV…`

The kernel hands every process that loses its parent to this one, however it hid: in a
session of its own, without an environment, as a grandchild. When the command ends, or the
worker does, or a limit is passed, all of them are killed. It is started with the standard
library alone, outside of what it confines, and its exit is the command's.
"""

import ctypes
import fcntl
import json
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

# Isolated from the environment, Python does not find us by itself.
sys.path.insert(0, str(Path(__file__).parents[3]))

from agents.workspaces.supervisor import namespaces, processes
from agents.workspaces.supervisor.watch import Watch

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CANNOT_START = 126
# From asking an agent to end to ending it.
GRACE_SECONDS = 3.0


def main(options: dict[str, Any], argv: list[str]) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != options["parent"] and options["parent"]:
        return CANNOT_START  # the worker has died meanwhile
    _hold_lock(options.get("lock"))
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    ours, its = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _become(options, argv, its)
    its.close()
    stop = _Stop(child, is_gentle=options["is_gentle"])
    signal.signal(signal.SIGTERM, lambda *_: stop())
    _let_go_of_streams()
    if reach := options.get("reach"):
        from agents.workspaces.supervisor.relay import Relay  # noqa: PLC0415 (slow to load, and only agents need it)

        Relay(*reach).serve(namespaces.receive_listeners(ours))
    watch = Watch(options["limits"], stop=processes.kill_all)
    watch.start()
    status = _wait_for(child)
    processes.kill_all()
    _reap()
    return watch.code or status


class _Stop:
    """Ends the command: an agent is asked first, for it ends its own children then."""

    def __init__(self, child: int, *, is_gentle: bool) -> None:
        self._child = child
        self._is_gentle = is_gentle

    def __call__(self) -> None:
        if not self._is_gentle:
            processes.kill_all()
            return
        with suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGTERM)
        late = threading.Timer(GRACE_SECONDS, processes.kill_all)
        late.daemon = True
        late.start()


def _become(options: dict[str, Any], argv: list[str], report: socket.socket) -> None:
    """Enter what is the command's own, then become it. Never returns."""
    try:
        # Python ignores the last two, and a command would inherit that.
        for default in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(default, signal.SIG_DFL)
        os.setsid()
        namespaces.enter(options, report)
        report.close()
        os.execvpe(argv[0], argv, _make_environment(options))  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.stderr.flush()
    finally:
        os._exit(CANNOT_START)


def _make_environment(options: dict[str, Any]) -> dict[str, str]:
    """Leave the proxies out where the relay uses them in the command's stead."""
    if not options.get("reach"):
        return dict(os.environ)
    return {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy")
    }


def _hold_lock(path: str | None) -> None:
    """Say to the web process that something of a run is alive, for as long as we are."""
    if path:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_SH)


def _let_go_of_streams() -> None:
    """Leave input and output to the command: their end is the command's."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)


def _wait_for(child: int) -> int:
    """Wait for the command, and take leave of orphans that end before it."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _exit_like(code: int) -> None:
    """Exit as the command did; killed by a signal, die of the same."""
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    _exit_like(main(json.loads(sys.argv[1]), sys.argv[2:]))
