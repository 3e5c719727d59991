"""A command sees little, costs little, and leaves nothing running behind it."""

import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
from contextlib import suppress
from glob import glob
from pathlib import Path

import psutil
import pytest

from agents.protocol.tool_text import MAX_OUTPUT_CHARACTERS
from agents.tools import Toolbox, ToolFailed, ToolRefused
from agents.workspaces import processes, sandbox
from tests.waiting import until

# Every way to leave the shell that started it.
SLEEPERS = """
sleep {tag} &
nohup sleep {tag} >/dev/null 2>&1 &
setsid sleep {tag} >/dev/null 2>&1 </dev/null &
(setsid sh -c 'sleep {tag} & sleep {tag} &' &)
env -i sleep {tag} &
env -i setsid sleep {tag} >/dev/null 2>&1 </dev/null &
(env -i setsid sh -c 'sleep {tag} & sleep {tag} &' &)
env -i setsid nohup sh -c '(setsid sleep {tag} &)' >/dev/null 2>&1 </dev/null
"""


@pytest.fixture(params=["bubblewrap", "bare"])
def confinement(request, monkeypatch):
    """Run with bubblewrap, where it works, and without."""
    if request.param == "bare":
        monkeypatch.setattr(sandbox, "find_bubblewrap", lambda: None)
    elif not sandbox.find_bubblewrap():
        pytest.skip(sandbox.describe())
    return request.param


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "workspace"
    root.mkdir()
    return root


@pytest.fixture
def run(root, confinement):
    toolbox = Toolbox(root)

    async def run(command, **options):
        call = toolbox.prepare("call-1", "run", {"command": command, **options})
        return await toolbox.execute(call)

    return run


@pytest.fixture
def tag():
    """An hour to sleep that nobody else sleeps."""
    return f"3600.{secrets.randbelow(10**9):09}"


@pytest.fixture
def ready(root):
    """A pipe that a command writes to when it has started all it wants to."""
    os.mkfifo(root / "ready")
    return root / "ready"


def sleepers(tag):
    found = psutil.process_iter(["cmdline", "status"])
    return [
        process
        for process in found
        if tag in (process.info["cmdline"] or [])
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


# --- What it answers -------------------------------------------------------------------


async def test_both_outputs_are_answered_in_their_order(run):
    assert await run("echo one; echo two >&2; echo three") == "one\ntwo\nthree\n"


async def test_it_runs_in_the_workspace(run, root):
    assert await run("pwd; echo x > new.txt") == f"{root}\n"
    assert (root / "new.txt").read_text() == "x\n"


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("false", "[exit code 1]"),
        ("echo oh; exit 3", "oh\n[exit code 3]"),
        ("kill -9 $$", "[exit code 137]"),
        ("no-such-program", "127]"),
        ("true", "(No output.)"),
    ],
)
async def test_a_failed_command_is_an_answer(run, command, output):
    assert (await run(command)).endswith(output)


async def test_it_has_no_input(run):
    assert await run("cat; test -t 0 || echo none") == "none\n"


async def test_output_holds_nothing_that_a_database_refuses(run):
    assert await run(r"printf 'a\0b\377c'") == "a\ufffdb\ufffdc"


async def test_of_a_flood_the_start_and_the_end_are_kept(run):
    memory = psutil.Process().memory_info().rss
    output = await run("echo start; yes | head -c 200000000; echo end")
    assert output.startswith("start\ny\n")
    assert output.endswith("y\nend\n")
    assert "… 199,972,010 bytes left out …" in output
    assert len(output) <= MAX_OUTPUT_CHARACTERS
    assert psutil.Process().memory_info().rss - memory < 20_000_000


async def test_commands_run_side_by_side(run, ready):
    outputs = await asyncio.gather(run("echo x > ready"), run("cat ready"))
    assert outputs == ["(No output.)", "x\n"]


async def test_an_edited_command_needs_to_be_prepared_again(root, confinement):
    toolbox = Toolbox(root)
    call = toolbox.prepare("call-1", "run", {"command": "echo asked"})
    edited = toolbox.prepare("call-1", "run", {"command": "echo edited"})
    assert (edited.action, await toolbox.execute(edited)) == (
        "run:echo edited",
        "edited\n",
    )
    call.tool_input["command"] = "echo slipped in"
    with pytest.raises(ToolRefused, match="no longer what was allowed"):
        await toolbox.execute(call)


async def test_a_workspace_that_is_gone_is_a_failure(run, root):
    root.rmdir()
    with pytest.raises(ToolFailed, match="Running: pwd: No such file"):
        await run("pwd")


# --- What it sees ----------------------------------------------------------------------


async def test_the_environment_is_an_allow_list(run, monkeypatch):
    for name in ("ANTHROPIC_API_KEY", "DATABASE_URL", "STAGENT_SECRET_KEY", "BASH_ENV"):
        monkeypatch.setenv(name, "/secret")
    output = await run("env")
    names = {line.partition("=")[0] for line in output.splitlines()}
    shells_own = {"PWD", "OLDPWD", "SHLVL", "_"}
    allowed = {"PATH", "LANG", "TERM", "HOME", "TMPDIR", "STAGENT_RUN"}
    git = {"GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"}
    assert names - shells_own == allowed | git
    assert "secret" not in output


async def test_home_and_temporary_files_are_its_own_and_do_not_stay(run):
    output = await run(
        'ls -A "$HOME" | wc -l; echo "$HOME"; touch "$HOME/a" "$TMPDIR/b"'
    )
    count, home = output.split()
    assert count == "0"
    again = await run('ls -A "$HOME" "$TMPDIR"')
    assert not {"a", "b"} & set(again.split())
    assert home == "/tmp/home" or not list(Path(home).parent.glob("*"))


@pytest.mark.parametrize("confinement", ["bubblewrap"], indirect=True)
async def test_bubblewrap_keeps_the_machine_out_of_reach(run, root, settings):
    (root.parent / "other-workspace").mkdir()
    secret = settings.STAGENT_HOME / "secret"
    secret.write_text("secret")
    assert "No such file" in await run(f"cat {secret}")
    assert "No such file" in await run(f"ls {root.parent}/other-workspace")
    assert "Read-only file system" in await run("touch /etc/stagent-was-here")
    assert await run("mount -o remount,rw / 2>/dev/null || echo refused") == "refused\n"
    assert (
        await run(f"test -e /proc/{os.getpid()}/environ || echo hidden") == "hidden\n"
    )
    assert await run("ls -A /root /home | grep -v : | wc -w") == "0\n"


def test_the_sandbox_describes_itself():
    assert sandbox.describe() == "bubblewrap" or sandbox.describe().startswith("none: ")


# --- What it leaves behind -------------------------------------------------------------


async def test_what_stays_in_the_background_ends_with_the_command(run, tag, ready):
    command = SLEEPERS.format(tag=tag) + "echo done"
    output = await run(command)
    assert output.endswith("done\n")
    assert not sleepers(tag)


async def test_a_time_out_ends_everything_and_shows_the_output(run, tag):
    command = SLEEPERS.format(tag=tag) + f"echo so far; sleep {tag}"
    with pytest.raises(ToolFailed, match=r"so far\n\[stopped after 1 seconds\]"):
        await run(command, timeout_seconds=1)
    assert not sleepers(tag)


RABBIT = "perl -e 'while (defined(my $child = fork)) { exit if $child }' &"


@pytest.fixture
def reader(ready):
    """The end of the pipe that finds out whether anybody has the other one."""
    reader = os.open(ready, os.O_RDONLY | os.O_NONBLOCK)
    yield reader
    os.close(reader)


def read(reader):
    """Return what was written; nothing if nobody can write, None if nobody did."""
    with suppress(BlockingIOError):
        return os.read(reader, 100)


async def test_who_forks_and_ends_faster_than_it_is_looked_at_ends_too(run, reader):
    assert await run(f"exec 9>ready; {RABBIT} sleep 0.2; echo done") == "done\n"
    assert read(reader) == b""


async def test_cancelled_it_ends_too(run, reader):
    task = asyncio.create_task(run(f"exec 9>ready; {RABBIT} echo x >&9; sleep 3600"))
    await until(lambda: read(reader))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert read(reader) == b""


@pytest.mark.parametrize("times", [1, 2])
async def test_cancelling_ends_everything(run, tag, ready, times):
    command = SLEEPERS.format(tag=tag) + f"echo > ready; sleep {tag}"
    task = asyncio.create_task(run(command))
    await asyncio.to_thread(ready.read_text)
    assert len(sleepers(tag)) > 2
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    async with asyncio.timeout(60):  # and not when they have slept enough
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not sleepers(tag)


async def test_cancelling_at_once_leaves_nothing(run, tag):
    for steps in range(12):
        task = asyncio.create_task(run(f"setsid sleep {tag} & sleep {tag}"))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not sleepers(tag)


WORKER = """
import asyncio, sys
from pathlib import Path
from agents.workspaces import processes, sandbox
from agents.tools import Toolbox

if sys.argv[3] == "bare":
    sandbox.find_bubblewrap = lambda: None
toolbox = Toolbox(Path(sys.argv[1]))
asyncio.run(toolbox.execute(toolbox.prepare("1", "run", {"command": sys.argv[2]})))
"""


@pytest.fixture
def worker(root, confinement):
    """Start a worker of its own that runs one command."""
    started = []

    def start(command):
        arguments = [
            sys.executable,
            "-c",
            WORKER,
            root,
            command,
            confinement,
        ]
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "stagent.settings"}
        started.append(subprocess.Popen(arguments, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    processes.kill_strays()
    sandbox.remove_strays()


async def test_a_killed_worker_takes_its_command_along(worker, tag, ready):
    process = worker(f"echo > ready; exec sleep {tag}")
    await asyncio.to_thread(ready.read_text)
    running = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(running, timeout=60)
    assert not alive
    assert not sleepers(tag)


async def test_strays_of_a_killed_worker_are_ended_at_the_next_start(
    worker, tag, ready
):
    process = worker(f"setsid sleep {tag} & sleep {tag} & echo > ready; wait")
    await asyncio.to_thread(ready.read_text)
    process.kill()
    process.wait()
    processes.kill_strays()
    sandbox.remove_strays()
    assert not sleepers(tag)
    assert not glob(f"{tempfile.gettempdir()}/stagent-run-*-{process.pid}-*")


async def test_commands_of_a_live_worker_are_no_strays(worker, tag, ready):
    worker(f"echo > ready; exec sleep {tag}")
    await asyncio.to_thread(ready.read_text)
    await until(lambda: sleepers(tag))  # the shell is about to become the sleeper
    processes.kill_strays()
    sandbox.remove_strays()
    assert sleepers(tag)
