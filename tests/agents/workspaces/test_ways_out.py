"""Every known way from a command to the machine, tried by a real command in the sandbox.

As root and as an ordinary user, with bubblewrap and without.
"""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agents.workspaces import sandbox
from tests.agents.workspaces.as_user import as_user

# Each exits with 0 where it leads out, and does no harm by it: what could be written is only
# opened. {home} is the server's data, {worker} its process.
WAYS = {
    "core_pattern": ": >> /proc/sys/kernel/core_pattern",
    "modprobe": ": >> /proc/sys/kernel/modprobe",
    "hotplug": ": >> /proc/sys/kernel/hotplug",
    "binfmt_misc": ": >> /proc/sys/fs/binfmt_misc/register",
    "usermodehelper": ": >> /proc/sys/kernel/usermodehelper/bset",
    "any kernel setting": "find /proc/sys -type f -writable ! -name ns_last_pid | grep .",
    "sysrq": ": >> /proc/sysrq-trigger",
    "irq": "find /proc/irq -type f -writable | grep .",
    "uevent_helper": ": >> /sys/kernel/uevent_helper",
    "any device setting": "find /sys -path /sys/fs/cgroup -prune -o -type f -writable -print | grep .",
    "cgroup release agent": "find /sys/fs/cgroup -name release_agent -writable | grep .",
    "a cgroup of its own": "for c in /sys/fs/cgroup /sys/fs/cgroup/*;"
    " do mkdir $c/stagent && rmdir $c/stagent && exit; done; false",
    "mount": "mount --bind . . && umount .",
    "a user namespace": "unshare --user --map-root-user --mount sh -c"
    " 'mount -o remount,rw /proc/sys; mount -t proc none /proc; : >> /proc/sys/kernel/core_pattern'",
    "a pid namespace": "unshare --user --map-root-user --mount --pid --fork sh -c"
    " 'mount -t proc none /proc && : >> /proc/sys/kernel/core_pattern'",
    "a node of the disk": "mknod disk b {major} {minor} && head -c 1 disk",
    "the disk": "find /dev -type b -readable | grep .",
    "memory": "head -c 1 /dev/mem || head -c 1 /dev/kmem || head -c 1 /proc/kcore",
    "kernel messages": "test -c /dev/kmsg && : >> /dev/kmsg",
    "root again": "setpriv --reuid=0 id || su -c id || sudo -n id",
    "rights": "! grep -q 'CapEff:.0000000000000000' /proc/self/status",
    "rights to come": "! grep -q 'NoNewPrivs:.1' /proc/self/status",
    "the number of root": "test $(id -u) = 0 || test $(id -g) = 0 || id -G | grep -qw 0",
    "accounts": "head -c 1 /etc/shadow || : >> /etc/passwd",
    "programs": ": >> /bin/true || test -w /usr/bin",
    "scheduled programs": "test -w /etc/cron.d || test -w /etc",
}
# Of an ordinary user without bubblewrap, these hold no more: commands are that user.
OF_ANOTHER = {
    "the secret key": "cat {home}/secret-key",
    "another workspace": "cat {home}/workspaces/other/theirs",
    "keys of the session": "grep stagent-test /proc/keys",
    "the worker": "kill -0 {worker}",
    "a socket of a service": "test -S {socket}",
    "the environment of the worker": "cat /proc/{worker}/environ",
}

WORKER = """
import asyncio, ctypes, os, sys
from pathlib import Path
from agents.workspaces import sandbox
from agents.tools import Toolbox

workspace, kind, script = sys.argv[1:]
if kind == "bare":
    sandbox.find_bubblewrap = lambda: None
# What a session's keyring holds can be read by whoever inherits it.
ctypes.CDLL(None).syscall({"x86_64": 248, "aarch64": 217}[os.uname().machine],
    b"user", b"stagent-test", b"secret", 6, -3)
toolbox = Toolbox(Path(workspace))
script = script.replace("{worker}", str(os.getpid()))
call = toolbox.prepare("1", "run", {"command": script})
print(asyncio.run(toolbox.execute(call)))
"""


@pytest.fixture(params=["bubblewrap", "bare"])
def kind(request):
    if request.param == "bubblewrap" and not sandbox.find_bubblewrap():
        pytest.skip(sandbox.describe())
    return request.param


@pytest.fixture(params=["as we are", "as a user"])
def is_user(request):
    if request.param == "as a user" and os.geteuid() != 0:
        pytest.skip("The tests run as an ordinary user: as we are is as a user.")
    return request.param == "as a user" or os.geteuid() != 0


@pytest.fixture
def site(tmp_path):
    workspace = tmp_path / "workspaces" / "mine"
    workspace.mkdir(parents=True)
    other = tmp_path / "workspaces" / "other"
    other.mkdir(mode=0o700)
    (other / "theirs").write_text("theirs")
    (tmp_path / "secret-key").touch(mode=0o600)
    (tmp_path / "secret-key").write_text("secret")
    return tmp_path


@pytest.fixture
def service():
    """Listen as PostgreSQL does, in /run; a user of the machine may not."""
    path = Path(f"/run/stagent-test-{os.getpid()}")
    with socket.socket(socket.AF_UNIX) as listening:
        if os.geteuid() == 0:
            listening.bind(str(path))
        yield path
    path.unlink(missing_ok=True)


def attempt(site, kind, is_user, ways, socket_of_a_service=""):
    """Try each of the ways; return those that lead out."""
    disk = os.stat("/").st_dev
    names = {
        "workspace": site / "workspaces" / "mine",
        "home": site,
        "worker": "{worker}",
        "socket": socket_of_a_service,
        "major": os.major(disk),
        "minor": os.minor(disk),
    }
    script = (
        "\n".join(
            f"({way.format(**names)}) >/dev/null 2>&1 </dev/null && echo 'OUT: {name}'"
            for name, way in ways.items()
        )
        + "\ntrue"
    )
    start = as_user(site) if is_user else []
    done = subprocess.run(
        [*start, sys.executable, "-c", WORKER, names["workspace"], kind, script],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "stagent.settings",
            "STAGENT_HOME": str(site),
            "STAGENT_SECRET_KEY": "of this test",
        },
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "[" not in done.stdout, done.stdout  # no command failed, nor was one stopped
    return re.findall(r"OUT: (.*)", done.stdout)


def test_no_command_finds_a_way_out(site, kind, is_user):
    assert attempt(site, kind, is_user, WAYS) == []


def test_a_way_out_would_be_seen(site, kind, is_user):
    ways = {"open": "true", "closed": "false", "open too": "echo > here"}
    assert attempt(site, kind, is_user, ways) == ["open", "open too"]


def test_no_command_reaches_the_server(site, kind, is_user, service):
    if kind == "bare" and is_user:
        pytest.skip("Without bubblewrap a user's commands can do what the user can.")
    assert attempt(site, kind, is_user, OF_ANOTHER, service) == []
