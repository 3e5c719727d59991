"""Commands as processes: exit codes, signals, broken pipes."""

import signal
import subprocess
import sys

import pytest

from tests import live

pytestmark = [pytest.mark.once, pytest.mark.slow]

SETUP = """
from uuid import UUID
from tasks.models import *
for number, status in enumerate(["completed", "failed", "running"]):
    task = Task.objects.create(id=UUID(f"0000000{number}-0000-7000-8000-000000000000"),
                               title=status, status=status)
    LogEntry.objects.append(task.pk, NewEntry("assistant", "begun"))
"""
COMPLETED, FAILED, RUNNING = "00000000", "00000001", "00000002"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with live.site(tmp_path_factory.mktemp("site")) as running:
        assert running.manage("shell", "-v0", "-c", SETUP).returncode == 0
        yield running


def test_a_database_without_tables_is_said_plainly(tmp_path):
    with live.site(tmp_path, is_new=True) as site:
        unprepared = site.manage("tasks")
    assert unprepared.returncode == 1
    assert "manage.py migrate" in unprepared.stderr


def test_a_script_gets_the_exit_code_and_no_traceback(site):
    cases = {
        ("execute", COMPLETED): 1,
        ("execute", "ffffffff"): 2,
        ("logs", FAILED, "--follow"): 3,
    }
    for arguments, code in cases.items():
        done = site.manage(*arguments)
        assert done.returncode == code, done
        assert done.stderr.startswith("Error: ")
        assert "Traceback" not in done.stderr


def test_help_has_an_example_and_the_exit_codes(site):
    text = site.manage("execute", "--help").stdout
    assert "manage.py execute 0199a3c4-7d21 --follow" in text
    assert "    3  a task ended failed" in text


def test_ctrl_c_ends_following_cleanly(site):
    with following(site) as process:
        assert "begun" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the task goes on" in errors
    assert "Traceback" not in errors


def test_a_reader_that_goes_away_is_no_error(site):
    command = [sys.executable, "manage.py", "tasks"]
    with subprocess.Popen(
        command,
        cwd=live.ROOT,
        env=site.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (141, b"")


def following(site):
    command = [sys.executable, "manage.py", "logs", RUNNING, "--follow"]
    return subprocess.Popen(
        command,
        cwd=live.ROOT,
        env=site.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
