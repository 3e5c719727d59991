"""How a command is supervised: the process that starts it, and the limits that it has.

`agents.workspaces.supervisor` is that process. It ends all that a command leaves behind, takes it off
the machine's network, and stops it where it takes too much. See docs/confinement.md.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from django.conf import settings

from agents.protocol.runtime import RuntimeFailed
from tasks.access import peers

SUPERVISOR = str(Path(__file__).with_name("supervisor"))
PROBE_SECONDS = 10
PORTS = {"http": 80, "https": 443}


class ConfinementRefused(RuntimeFailed):
    """Nothing of an agent may run here. The message is for people and says what to do."""


def make_argv(
    *,
    folders: Sequence[str],
    is_gentle: bool = False,
    network: bool = False,
    provider: str = "",
    hidden: Sequence[str] = (),
    shown: Sequence[str] = (),
) -> list[str]:
    """Return what a command line starts with to run supervised.

    With `network` it gets one of its own, where the machine allows it, in which there is
    nothing but the `provider`'s base URL. `hidden` folders are empty but for what is `shown`.
    Raise ConfinementRefused where they cannot be.
    """
    if hidden and not can_isolate():
        raise ConfinementRefused(
            f"Agents run as a user of their own, which cannot enter {hidden[0]}: install"
            f" bubblewrap, or let others pass through: chmod o+x {hidden[0]}"
        )
    is_alone = network and can_isolate()
    options = {
        "parent": os.getpid(),
        "is_gentle": is_gentle,
        "network": "own" if is_alone else "host",
        "reach": _parse_url(provider) if provider and is_alone else None,
        "hidden": list(hidden),
        "shown": list(shown),
        "lock": str(peers.lock_file()),
        "limits": {
            "memory": settings.STAGENT_COMMAND_MEMORY_MB << 20,
            "free": settings.STAGENT_COMMAND_FREE_DISK_MB << 20,
            "folders": list(folders),
        },
    }
    return [*_make_command(), json.dumps(options)]


def make_limits(in_bubblewrap: bool) -> list[str]:
    """Return what starts a program with the limits that the kernel has for each process."""
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        return []
    processes = settings.STAGENT_COMMAND_PROCESSES
    if os.geteuid() != 0 and not in_bubblewrap:
        processes += _count_ours()  # the kernel counts all of a user's
    return [
        prlimit,
        f"--nproc={processes}",
        f"--data={settings.STAGENT_COMMAND_MEMORY_MB << 20}",
        f"--fsize={settings.STAGENT_COMMAND_FILE_MB << 20}",
        "--core=0",
        "--",
    ]


def find_blocked(paths: Sequence[str]) -> list[str]:
    """Return the outermost folders above `paths` that other users cannot enter."""
    found = {folder for path in paths if (folder := _find_closed_folder(path))}
    return sorted(found)


@cache
def can_isolate() -> bool:
    """Tell whether a command can have a network and a view of the disk of its own."""
    options = {"parent": 0, "is_gentle": False, "network": "own", "limits": {}}
    try:
        subprocess.run(  # noqa: S603 (no part of it comes from outside)
            [*_make_command(), json.dumps(options), "true"],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _make_command() -> list[str]:
    return [sys.executable, "-I", "-S", SUPERVISOR]


def _parse_url(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    port = parts.port or PORTS.get(parts.scheme, 443)
    return parts.scheme, parts.hostname or "", port


def _find_closed_folder(path: str) -> str | None:
    for folder in reversed(Path(path).parents):
        if not folder.stat().st_mode & 0o001:
            return str(folder)
    return None


def _count_ours() -> int:
    total = 0
    for process in psutil.process_iter(["uids", "num_threads"]):
        uids = process.info["uids"]
        if uids and uids.real == os.getuid():
            total += process.info["num_threads"] or 1
    return total
