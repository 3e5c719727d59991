"""What keeps a process from starting is said in one sentence, by every way in."""

import os
import shutil
import subprocess
import sys

import pytest

from tests import live

pytestmark = [pytest.mark.once, pytest.mark.slow]

WAYS_IN = [
    *(("manage.py", "serve"), ("manage.py", "runagents"), ("manage.py", "migrate")),
    *(("manage.py", "tasks"), ("manage.py", "issuetoken", "x"), ("manage.py", "check")),
    ("-m", "daphne", "-p", "0", "stagent.asgi:application"),
]
UNREACHABLE = "postgres://nobody:secret@127.0.0.1:9/none"


def start(*command, wrapper=(), **environment):
    return subprocess.run(
        [*wrapper, sys.executable, *command],
        cwd=live.ROOT,
        env={**os.environ, "DATABASE_URL": "", "REDIS_URL": "", **environment},
        capture_output=True,
        text=True,
        timeout=100,
    )


def sentence(result):
    """Return the one line of an end that is not a crash; Django's checks may warn before it."""
    assert result.returncode not in (0, None)
    assert "Traceback" not in result.stdout + result.stderr
    *before, line = result.stderr.strip().splitlines()
    assert not before or before[0] == "System check identified some issues:"
    return line


@pytest.mark.parametrize("command", WAYS_IN, ids=lambda one: one[1])
def test_a_file_in_place_of_the_home(command, tmp_path):
    file = tmp_path / "home"
    file.touch()
    line = sentence(start(*command, STAGENT_HOME=str(file)))
    assert f"STAGENT_HOME is {file}" in line
    assert "a file stands in its place" in line


@pytest.mark.parametrize("command", WAYS_IN, ids=lambda one: one[1])
def test_a_home_that_is_read_only(command, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    line = sentence(start(*command, wrapper=read_only(home), STAGENT_HOME=str(home)))
    assert f"STAGENT_HOME is {home}" in line
    assert "read-only" in line


def read_only(home):
    """Return what runs a command that cannot write to `home`, as any user."""
    if os.geteuid():
        home.chmod(0o500)
        return ()
    if not shutil.which("bwrap"):
        pytest.skip("install bubblewrap (Debian: apt-get install bubblewrap)")
    return ("bwrap", "--dev-bind", "/", "/", "--ro-bind", str(home), str(home))


def test_a_home_that_cannot_be_made():
    line = sentence(start("manage.py", "migrate", STAGENT_HOME="/proc/none/home"))
    assert "STAGENT_HOME is /proc/none/home" in line


@pytest.mark.parametrize(
    "command",
    [
        *(("serve",), ("migrate",), ("tasks",), ("issuetoken", "x")),
        *(("createsuperuser", "--noinput"), ("shell", "-c", "import tasks.models as m; m.Task.objects.first()")),
    ],
    ids=lambda one: one[0],
)  # fmt: skip
def test_a_database_that_cannot_be_reached(command, tmp_path):
    result = start(
        "manage.py", *command, STAGENT_HOME=str(tmp_path), DATABASE_URL=UNREACHABLE
    )
    line = sentence(result)
    assert line.startswith("Error: The database cannot be used: connection failed")
    assert "DATABASE_URL" in line
    assert "secret" not in line


@pytest.mark.parametrize("url", ["nonsense://x", "no address", "postgres://h:port/x"])
def test_an_address_of_no_database(url, tmp_path):
    result = start("manage.py", "migrate", STAGENT_HOME=str(tmp_path), DATABASE_URL=url)
    assert "DATABASE_URL is no address of a database" in sentence(result)


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "stagent.sqlite3").write_text("not a database at all" * 100)
    line = sentence(start("manage.py", "migrate", STAGENT_HOME=str(tmp_path)))
    assert "file is not a database" in line


def test_a_traceback_is_there_for_who_asks(tmp_path):
    result = start(
        *("manage.py", "migrate", "--traceback"),
        STAGENT_HOME=str(tmp_path),
        DATABASE_URL=UNREACHABLE,
    )
    assert "Traceback" in result.stderr
