"""What a command may take of the machine, with bubblewrap and without."""

import json
import os
import subprocess

import pytest

from agents.tools import Toolbox
from agents.workspaces import sandbox, supervision

FORKS = (
    "perl -e 'for (1..500) {{ my $p = fork(); die qq(refused\\n) unless defined $p;"
    " if (!$p) {{ {does}; sleep 60; exit }} }}; sleep {seconds}'"
)


@pytest.fixture(params=["bubblewrap", "bare"])
def run(request, tmp_path, monkeypatch):
    if request.param == "bare":
        monkeypatch.setattr(sandbox, "find_bubblewrap", lambda: None)
    elif not sandbox.find_bubblewrap():
        pytest.skip(sandbox.describe())
    (tmp_path / "workspace").mkdir()

    async def run(command):
        toolbox = Toolbox(tmp_path / "workspace")
        call = toolbox.prepare("call-1", "run", {"command": command})
        return await toolbox.execute(call)

    return run


async def test_of_processes(run, settings):
    settings.STAGENT_COMMAND_PROCESSES = 100
    assert "refused" in await run(FORKS.format(does="", seconds=0))


async def test_of_the_memory_of_one_process(run, settings):
    settings.STAGENT_COMMAND_MEMORY_MB = 100
    output = await run("perl -e '$x = q(a) x (200 << 20); print q(has it)'")
    assert "has it" not in output
    assert "memory" in output.lower()


async def test_of_the_memory_of_all_together(run, settings):
    settings.STAGENT_COMMAND_MEMORY_MB = 100
    each = "perl -e '$x = q(a) x (20 << 20); sleep 60' & "
    output = await run(each * 8 + "wait")
    assert "[stopped: it used more than 100 MiB of memory]" in output
    assert output.endswith("[exit code 137]")


async def test_of_a_files_size(run, settings, tmp_path):
    settings.STAGENT_COMMAND_FILE_MB = 1
    await run("head -c 3000000 /dev/zero > big")
    assert (tmp_path / "workspace" / "big").stat().st_size == 1 << 20


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can make a small disk.")
def test_of_what_it_leaves_of_the_disk(tmp_path, settings):
    settings.STAGENT_COMMAND_FREE_DISK_MB = 10
    *python, options = supervision.make_argv(folders=[str(tmp_path)])
    options = json.dumps({**json.loads(options), "parent": 0, "lock": None})
    fill = f"head -c 35M /dev/zero > {tmp_path}/big; sleep 60"
    small_disk = f'mount -t tmpfs -o size=40m none {tmp_path} && exec "$@"'
    done = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c", small_disk, "-"),
            *(*python, options, "sh", "-c", fill),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "[stopped: it left less than 10 MiB of the disk]" in done.stderr
    assert done.returncode == 137
