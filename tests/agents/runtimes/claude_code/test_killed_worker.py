"""What becomes of an agent whose worker is killed, before any other worker starts."""

import json
import threading

import pytest

from agents.workspaces import processes
from tests import live
from tests.agents.runtimes.drivers import CLAUDE_CODE
from tests.agents.runtimes.drivers.base import Turn, Use
from tests.servers.threaded import threaded

pytestmark = pytest.mark.slow

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


def test_what_a_command_did_is_not_done_again_when_its_result_was_never_written(
    tmp_path,
):
    """Killed while the effect is there, and nothing has been told of it."""
    acts = Turn(uses=(Use("run", command="echo >> done; sleep 5"),)), Turn("The end.")
    with (
        threaded(CLAUDE_CODE.server(*acts, by_turn=True)) as model,
        live.site(tmp_path, **CLAUDE_CODE.environment(model.url)) as site,
    ):
        worker = site.serve()
        task_id = site.execute(title="Acts", assignedAgent=CLAUDE_CODE.name)
        done = site.home / "workspaces" / task_id / "done"
        body = {"notificationId": site.pending(task_id)["id"], "behavior": "allow"}
        answer = threading.Thread(
            target=site.client.post,
            args=[f"/api/tasks/{task_id}/respond"],
            kwargs={"json": body},
        )
        answer.start()
        # Not merely until the file is there: a shell makes it before its command writes.
        live.wait_for(lambda: done.exists() and done.read_text())
        live.kill(worker)
        answer.join()
        results = "SELECT 1 FROM tasks_logentry WHERE event_type = 'tool_result'"
        assert site.rows(results) == []

        site.serve()
        task = site.wait_for_status(task_id, "completed", "failed")
        assert (task["status"], task["result"]) == ("completed", "The end.")
        assert done.read_text() == "\n"
        assert "outcome is unknown" in json.dumps(model.requests[-1].body)
        kinds = [entry["eventType"] for entry in site.follow(task_id)]
        # What became of it was never written, and it was not asked for once more.
        assert (kinds.count("tool_use"), kinds.count("tool_result")) == (1, 0)


def _started_by(worker):
    return [
        process
        for process, marker in processes.find_marked()
        if marker.split("-")[1] == str(worker.pid)
    ]
