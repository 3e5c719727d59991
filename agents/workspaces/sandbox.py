"""What a command that an agent runs may see, and where it runs.

With bubblewrap the kernel hides the machine from it. How what it started is found and
ended is up to `agents.workspaces.processes`.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from glob import glob
from pathlib import Path

from django.conf import settings

from agents.workspaces import processes, supervision
from agents.workspaces.supervision import ConfinementRefused
from tasks.access import agent_user

PROBE_SECONDS = 10

# Followed by the marker, so that what a dead worker left is recognised here too.
_SCRATCH = os.path.join(tempfile.gettempdir(), "stagent-run-")
_PRIVATE = os.path.join(tempfile.gettempdir(), "stagent-own-")


# Where the kernel of the machine is configured or read, beneath a /proc that is otherwise new.
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

SERVICES = ("/run",)  # where sockets of the machine's services are

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

    def make_argv(self, command: str) -> list[str]:
        shell = "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"
        return [*self.make_launcher(), shell, "-c", command]

    def make_launcher(
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
        hidden = supervision.find_blocked(shown) if self.user is not None else []
        if self.user is not None and not bubblewrap and supervision.can_isolate():
            # Its sockets lead to services whatever the network is; the resolver's file may be there.
            hidden, shown = [*hidden, *SERVICES], [*shown, *_find_resolver()]
        # Bubblewrap makes networks too, but none with a way out to the provider.
        is_networked = self.has_network or bool(bubblewrap and not provider)
        start = supervision.make_argv(
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
            folders = self._show_folders(programs)
            start += [
                bubblewrap,
                *_show_machine(self.user),
                *covered,
                *folders,
                *own,
                "--",
            ]
        return [*start, *supervision.make_limits(bool(bubblewrap)), *_become(self.user)]

    @property
    def shown_scratch(self) -> str:
        """The folder `scratch`, as the command sees it."""
        return "/tmp" if find_bubblewrap() else self.scratch  # noqa: S108

    def make_environment(self) -> dict[str, str]:
        """List all that a command gets of our environment: it holds keys and passwords."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "TERM": "dumb",
            "HOME": f"{self.shown_scratch}/home",
            "TMPDIR": self.shown_scratch,
            **GIT,
            processes.MARKER: self.marker,
        }

    def hand_over(self) -> None:
        """Give what we have laid out in `scratch` to the user of the command."""
        agent_user.give(self.scratch, self.user)

    def make_private_folder(self) -> str:
        """Return a folder that goes with the command, which only we can enter."""
        folder = f"{_PRIVATE}{self.marker}"
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        if os.lstat(folder).st_uid != os.geteuid():
            raise ConfinementRefused(f"{folder} belongs to somebody else. Remove it.")
        return folder

    def end(self, pid: int | None) -> None:
        """Kill all that the command started, as its process `pid` or from there on."""
        self.kill(pid)
        for folder in (self.scratch, f"{_PRIVATE}{self.marker}"):
            shutil.rmtree(folder, ignore_errors=True)

    def kill(self, pid: int | None = None) -> None:
        processes.kill_marked(self.marker, pid)

    def _show_folders(self, programs: Sequence[str]) -> list[str]:
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


def get_agent_homes() -> Path:
    """Return where agents that are processes have their homes, each named by its marker."""
    return Path(settings.STAGENT_HOME).resolve() / "agents"


def confine(workspace: str, *, has_network: bool = False) -> Confinement:
    """Lay out what a command needs, or raise ConfinementRefused."""
    if problem := " ".join(agent_user.obstacle()).strip():
        raise ConfinementRefused(problem)
    marker = processes.make_marker()
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


def remove_strays() -> None:
    """Remove the folders that dead workers of this machine left, once their agents are dead."""
    for prefix in (_SCRATCH, _PRIVATE, f"{get_agent_homes()}/"):
        for folder in glob(f"{prefix}*"):
            if processes.is_stray(folder.removeprefix(prefix)):
                shutil.rmtree(folder, ignore_errors=True)


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
            [bubblewrap, *_show_machine(), "--unshare-net", "--", "true"],
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


def _show_machine(user: int | None = None) -> list[str]:
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
        *(part for folder in list_hidden_folders() for part in ("--tmpfs", folder)),
        *("--ro-bind-try", resolver, resolver),
    ]


def _find_resolver() -> list[str]:
    """Return the file that says who resolves names, where it is among what is hidden."""
    resolver = os.path.realpath("/etc/resolv.conf")
    is_hidden = any(resolver.startswith(f"{folder}/") for folder in SERVICES)
    return [resolver] if is_hidden and os.path.exists(resolver) else []


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


def list_hidden_folders() -> list[str]:
    """List what commands shall not see: our data, other tasks' folders, people's keys."""
    folders = [
        "/home",
        "/root",
        *SERVICES,
        str(Path.home()),
        str(settings.STAGENT_HOME),
    ]
    resolved = {os.path.realpath(folder) for folder in folders} - {"/"}
    return sorted(folder for folder in resolved if os.path.isdir(folder))
