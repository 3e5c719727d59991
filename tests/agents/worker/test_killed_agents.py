"""An agent whose process somebody else ends: its run is taken up again, a bounded number of times."""

import os
import signal
from contextlib import suppress

import psutil
import pytest

from tasks.lifecycle import runs
from tasks.models import Run, Task
from tests import live
from tests.agents.runtimes.drivers import CLAUDE_CODE, CODEX
from tests.agents.runtimes.drivers.base import Turn, Use
from tests.factories import RunFactory
from tests.servers.threaded import threaded

pytestmark = pytest.mark.slow

COMMAND = "echo >> started; sleep 65"
SCRIPT = Turn(uses=(Use("run", command=COMMAND),)), Turn("Done.")
PROGRAMS = {"claude", "codex"}


@pytest.fixture(params=[CLAUDE_CODE, CODEX], ids=["claude-code", "codex"])
def site(request, tmp_path):
    """A worker whose agent is in the middle of a command, and the task."""
    driver = request.param
    with (
        threaded(driver.server(*SCRIPT)) as provider,
        live.site(tmp_path, **driver.environment(provider.url)) as running,
    ):
        running.serve()
        task_id = running.execute(title="Works", assignedAgent=driver.name)
        body = {"notificationId": running.pending(task_id)["id"], "behavior": "allow"}
        running.client.post(f"/api/tasks/{task_id}/respond", json=body)
        live.wait_for((running.home / "workspaces" / task_id / "started").exists)
        running.task_id = task_id
        yield running


def agents_of(worker):
    return [
        process
        for process in psutil.Process(worker.pid).children(recursive=True)
        if process.name() in PROGRAMS
    ]


def completed(site):
    """Wait until the task is, and return what its log says."""
    task = site.wait_for_status(site.task_id, "completed", "failed")
    told = "\n".join(entry["message"] for entry in site.follow(site.task_id))
    assert task["status"] == "completed", told
    return told


def test_a_ctrl_c_in_the_workers_terminal_is_not_heard_by_its_agents(site):
    (worker,) = site.processes
    found = agents_of(worker)
    assert found
    assert all(os.getsid(agent.pid) != os.getsid(worker.pid) for agent in found)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_stop_of_all_processes_at_once_hands_the_run_over(site, number):
    (worker,) = site.processes
    everything = [*psutil.Process(worker.pid).children(recursive=True), worker]
    for process in everything:
        with suppress(psutil.NoSuchProcess):  # it ended with its parent
            process.send_signal(number)
    worker.wait(timeout=60)
    site.serve()
    assert runs.STOPPING in completed(site)


def test_a_killed_agent_is_taken_up_again_by_the_same_worker(site):
    (worker,) = site.processes
    for agent in agents_of(worker):
        with suppress(psutil.NoSuchProcess):  # it ended with its parent
            agent.kill()
    assert "The run is taken up again." in completed(site)


@pytest.mark.django_db
def test_a_run_whose_agent_is_killed_again_and_again_fails_in_the_end():
    run = RunFactory(status=Run.Status.RUNNING)
    for _ in range(10):
        runs.take_up_again(run, reason="The agent was killed.")
        run.task.refresh_from_db()
        if run.task.is_finished:
            break
        run = Run.objects.get(pk=run.task.live_run)
        assert run.claim("worker")
    assert run.task.status == Task.Status.FAILED
    assert run.attempt <= 6
    assert "look for what kills it" in run.task.log.last().message
