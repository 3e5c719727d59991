"""What becomes of an agent whose worker is killed, before any other worker starts."""

import pytest

from agents.workspaces import processes
from tests import live
from tests.agents.runtimes.drivers import CLAUDE_CODE
from tests.agents.runtimes.drivers.base import Turn, Use
from tests.servers.threaded import threaded

SCRIPT = Turn(uses=(Use("run", command="echo >> started; sleep 603"),)), Turn("Done.")


@pytest.fixture
def site(tmp_path):
    with (
        threaded(CLAUDE_CODE.server(*SCRIPT)) as provider,
        live.site(tmp_path, **CLAUDE_CODE.environment(provider.url)) as running,
    ):
        yield running


def test_neither_the_agent_nor_its_command_outlives_a_killed_worker(site):
    worker = site.serve()
    task_id = site.execute(title="Works", assignedAgent=CLAUDE_CODE.name)
    body = {"notificationId": site.pending(task_id)["id"], "behavior": "allow"}
    site.client.post(f"/api/tasks/{task_id}/respond", json=body)
    live.wait_for((site.home / "workspaces" / task_id / "started").exists)
    assert _started_by(worker)
    live.kill(worker)
    live.wait_for(lambda: not _started_by(worker))


def _started_by(worker):
    return [
        process
        for process, marker in processes.marked()
        if marker.split("-")[1] == str(worker.pid)
    ]
