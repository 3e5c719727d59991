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

from agents import supervision
from agents.supervision import ConfinementRefused
from tasks import agent_user

MARKER = "STAGENT_RUN"
# Killed processes are gone in milliseconds; one that hangs in the kernel is not waited for.
KILL_SECONDS = 2.0
POLL_SECONDS = 0.01
PROBE_SECONDS = 10

# Followed by the marker, so that what a dead worker left is told here too.
_SCRATCH = os.path.join(tempfile.gettempdir(), "stagent-run-")


# What the kernel of the machine is told, or asked, beneath a /proc that is otherwise new.
KERNEL = (
    "/proc/sys",
    "/proc/sysrq-trigger",
    "/proc/irq",
    "/proc/bus",
    "/proc/fs",
    "/proc/acpi",
    "/proc/scsi",
)
BECOMING = ("CAP_DAC_READ_SEARCH", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
SECRETS_OF_THE_KERNEL = (
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/kmsg",
    "/proc/kallsyms",
    "/proc/timer_list",
    "/proc/sched_debug",
)

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
    user: int | None = None  # who runs it, where that is not us
    has_network: bool = False

    def argv(self, command: str) -> list[str]:
        shell = "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"
        return [*self.launcher(), shell, "-c", command]

    def launcher(
        self,
        *,
        programs: Sequence[str] = (),
        provider: str = "",
        is_agent: bool = False,
        has_own_sandbox: bool = False,
    ) -> list[str]:
        """Return what a command line starts with to run confined.

        `programs` are files or folders that it needs from what is hidden, by their real paths;
        `provider` is the
        base URL that an agent must reach though it has no network. An agent is asked to end
        before it is ended, and one with a sandbox of its own is put into none of ours.
        """
        bubblewrap = None if has_own_sandbox else find_bubblewrap()
        shown = [self.workspace, self.scratch, *programs]
        hidden = supervision.blocked(shown) if self.user is not None else []
        # Bubblewrap makes networks too, but none with a way out to the provider.
        is_networked = self.has_network or bool(bubblewrap and not provider)
        start = supervision.argv(
            folders=[self.workspace, self.scratch],
            is_gentle=is_agent,
            network=not is_networked,
            provider=provider,
            hidden=[] if bubblewrap else hidden,
            shown=shown,
        )
        if bubblewrap:
            own = [] if self.has_network or provider else ["--unshare-net"]
            covered = [part for path in hidden for part in ("--tmpfs", path)]
            folders = self._folders(programs)
            start += [bubblewrap, *_machine(self.user), *covered, *folders, *own, "--"]
        return [*start, *supervision.limits(bool(bubblewrap)), *_become(self.user)]

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

    def hand_over(self) -> None:
        """Give what we have laid out in `scratch` to the user of the command."""
        agent_user.give(self.scratch, self.user)

    def end(self, pid: int | None) -> None:
        """Kill all that the command started, as its process `pid` or from there on."""
        self.kill(pid)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def kill(self, pid: int | None = None) -> None:
        kill_marked(self.marker, pid)

    def _folders(self, programs: Sequence[str]) -> list[str]:
        """Show the programs, the workspace and a folder for temporary files of its own.

        The folders above them are made first: bubblewrap would make them as closed as what
        is shown in them is.
        """
        shown = [("--bind", self.workspace)]
        # Last: one beneath /tmp would be hidden again by the command's own.
        shown += [("--ro-bind", path) for path in programs]
        return [
            *("--bind", self.scratch, "/tmp"),  # noqa: S108
            *(
                part
                for option, path in shown
                for part in ("--dir", os.path.dirname(path), option, path, path)
            ),
            *("--chdir", self.workspace),
        ]


def new_marker() -> str:
    """Return what tells the processes of one command or agent from all others."""
    return f"{_worker()}-{secrets.token_hex(8)}"


def kill_marked(marker: str, pid: int | None) -> None:
    """Kill whatever carries `marker`, and what process `pid` started without it."""
    _kill_until_gone(lambda: _with_all_beneath(_carrying(marker) | _family(pid)))


def agent_homes() -> Path:
    """Return where agents that are processes have their homes, each named by its marker."""
    return Path(settings.STAGENT_HOME).resolve() / "agents"


def confine(workspace: str, *, has_network: bool = False) -> Confinement:
    """Lay out what a command needs, or raise ConfinementRefused."""
    if problem := " ".join(agent_user.obstacle()).strip():
        raise ConfinementRefused(problem)
    marker = new_marker()
    scratch = f"{_SCRATCH}{marker}"
    user = agent_user.take_over(workspace)
    os.mkdir(scratch, 0o700)
    os.mkdir(f"{scratch}/home")
    confinement = Confinement(workspace, scratch, marker, user, has_network)
    confinement.hand_over()
    return confinement


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
    killed = _kill_until_gone(lambda: _with_all_beneath(_strays()))
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
            [bubblewrap, *_machine(), "--unshare-net", "--", "true"],
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


def _machine(user: int | None = None) -> list[str]:
    """Show the machine read-only and without its other processes."""
    # /run is hidden for its sockets, but the resolver's file is often there.
    resolver = os.path.realpath("/etc/resolv.conf")
    # Root would otherwise keep what it takes to mount the system writable again. What it
    # takes to enter the workspace and to become its user is given up by doing so.
    kept = () if user is None else BECOMING
    return [
        *("--die-with-parent", "--new-session"),
        *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--cap-drop", "ALL", *(p for name in kept for p in ("--cap-add", name))),
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
        *(part for path in KERNEL for part in ("--ro-bind-try", path, path)),
        *(
            part
            for path in SECRETS_OF_THE_KERNEL
            if os.path.isfile(path)
            for part in ("--ro-bind", "/dev/null", path)
        ),
        *(part for folder in hidden_folders() for part in ("--tmpfs", folder)),
        *("--ro-bind-try", resolver, resolver),
    ]


def _become(user: int | None) -> list[str]:
    """Return what starts a program as `user`, with no way back to more rights."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    start = [setpriv, "--no-new-privs", "--pdeathsig", "KILL"]
    if user is not None:
        start += [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        start += ["--inh-caps=-all", "--bounding-set=-all"]
    return [*start, "--"]


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


def _with_all_beneath(found: set[psutil.Process]) -> set[psutil.Process]:
    """Add what they started. Supervisors go last: what hides is their child until then."""
    everything = set(found)
    for process in found:
        with suppress(psutil.Error):
            everything |= set(process.children(recursive=True))
    return {one for one in everything if not _supervises(one)} or everything


def _supervises(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return supervision.SUPERVISOR in process.cmdline()
    return False


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
