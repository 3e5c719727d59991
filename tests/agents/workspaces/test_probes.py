"""A runtime is ready if it starts as a run starts it, and is not asked for ever."""

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from agents.runtimes import claude_cli, claude_environment, claude_probe
from agents.workspaces import probes, sandbox
from tests.factories import TaskFactory

WORKS = ("", "")
BROKEN = ("It does not work here.", "Mend it.")


class Machine:
    """Tells what it is made to tell, and counts how often it was asked."""

    def __init__(self) -> None:
        self.told = WORKS
        self.times = 0

    def obstacle(self) -> tuple[str, str]:
        self.times += 1
        return self.told


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    module = SimpleNamespace(find_obstacle=machine.obstacle)
    monkeypatch.setitem(sys.modules, "tests.a_machine", module)
    return machine


def test_what_works_is_asked_once_by_however_many_at_once(machine):
    probe = probes.Probe("tests.a_machine")
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: probe.find_obstacle(), range(40)))
    assert told == [WORKS] * 40
    assert machine.times == 1


def test_what_does_not_work_is_asked_again_but_not_at_once(machine):
    machine.told = BROKEN
    probe = probes.Probe("tests.a_machine")
    assert [probe.find_obstacle() for _ in range(3)] == [BROKEN] * 3
    assert machine.times == 1
    machine.told = WORKS
    probe._due_at = 0.0  # a minute later
    assert probe.find_obstacle() == WORKS


def test_folders_that_cannot_be_made_are_an_obstacle(settings, tmp_path):
    (tmp_path / "file").touch()
    settings.STAGENT_HOME = tmp_path / "file"
    reason, fix = probes.Probe("agents.runtimes.claude_probe").find_obstacle()
    assert "cannot be made" in reason
    assert "STAGENT_HOME" in fix


def test_claude_code_that_does_not_start_is_not_ready(tmp_path, monkeypatch):
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\necho cannot load libc >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(claude_cli, "find_program", lambda: program)
    reason, fix = claude_probe.find_obstacle()
    assert reason == "Claude Code does not start here (cannot load libc)."
    assert "glibc" in fix


def test_claude_code_works_here_and_its_probe_leaves_nothing(tmp_path):
    assert claude_probe.find_obstacle() == WORKS
    assert list((tmp_path / "workspaces").iterdir()) == []


def test_claude_code_that_does_not_reach_its_provider_is_not_ready(monkeypatch):
    monkeypatch.setattr(claude_environment, "SOCKET", "nobody-listens.sock")
    reason, fix = claude_probe.find_obstacle()
    assert reason.startswith("Claude Code does not start here (API Error: ")
    assert fix


def test_a_folder_whose_name_is_too_long_for_a_socket_is_an_obstacle(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(sandbox, "_SCRATCH", str(tmp_path / ("s" * 100)))
    reason, _ = claude_probe.find_obstacle()
    assert "Set TMPDIR to a shorter one" in reason


@pytest.mark.parametrize(
    ("runtime", "probe", "key"),
    [
        ("claude-code", probes.CLAUDE_CODE, "ANTHROPIC_API_KEY"),
        ("openai-codex-app-server", probes.CODEX, "OPENAI_API_KEY"),
    ],
)
def test_what_does_not_start_is_not_ready_and_not_executed(
    api, monkeypatch, runtime, probe, key
):
    monkeypatch.setenv(key, "sk-test")
    monkeypatch.setattr(probe, "_obstacle", BROKEN)
    monkeypatch.setattr(probe, "_due_at", math.inf)
    told = {each["id"]: each for each in api.get("/api/runtimes").json()}
    assert not told[runtime]["isReady"]
    assert (told[runtime]["reason"], told[runtime]["fix"]) == BROKEN
    task = TaskFactory(status="queued", assigned_agent=runtime)
    response = api.post(f"/api/tasks/{task.pk}/execute")
    assert response.status_code == 400
    assert "It does not work here. Mend it." in response.json()["error"]
