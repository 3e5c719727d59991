"""`serve` on each of its HTTP servers: it listens, works, and ends in good order."""

import sys
from threading import Thread

import httpx2 as httpx
import pytest
from django.core.management.base import CommandError

from stagent.serving import http_servers
from tests import live
from tests.agents.runtimes.drivers import CLAUDE_CODE, CODEX
from tests.agents.runtimes.drivers.base import Turn, Use
from tests.servers.threaded import threaded

pytestmark = pytest.mark.slow


@pytest.fixture(params=http_servers.NAMES)
def server(request, tmp_path):
    with live.site(tmp_path) as site:
        site.process = site.serve("--server", request.param)
        yield site


def test_it_says_its_name_and_trusts_no_proxy(server):
    answer = httpx.get(f"http://127.0.0.1:{server.port}/api/tasks")
    assert (answer.status_code, answer.headers["server"]) == (200, "stagent")
    # An open API is for who asks from this machine, and this one says that it does not.
    headers = {"X-Forwarded-For": "203.0.113.7"}
    assert server.client.get("/api/tasks", headers=headers).status_code == 401


def test_a_stop_hands_over_what_runs_and_ends_its_stream(server):
    task_id = server.execute("checkpoint", "say: begun", "ask: write_file", "finish: x")
    seen = []
    reader = Thread(target=lambda: _read(server, task_id, seen))
    reader.start()
    live.wait_for(lambda: any("begun" in line for line in seen))
    server.process.terminate()
    assert server.process.wait(timeout=100) == 0
    reader.join(timeout=100)
    assert not reader.is_alive()
    assert "The worker is stopping" in "".join(seen)
    assert "Traceback" not in server.output
    assert "ERROR" not in server.output

    server.serve()
    body = {"notificationId": server.pending(task_id)["id"], "behavior": "allow"}
    server.client.post(f"/api/tasks/{task_id}/respond", json=body)
    assert server.wait_for_status(task_id, "completed")["result"] == "x"


def _read(site, task_id, seen):
    try:
        with site.client.stream("GET", f"/api/tasks/{task_id}/logs") as response:
            for line in response.iter_lines():
                seen.append(line)
    except httpx.TransportError:  # the server has gone in the middle, as it was told
        pass


@pytest.mark.parametrize("driver", [CLAUDE_CODE, CODEX], ids=lambda one: one.name)
def test_agents_that_are_processes_run_on_uvicorns_loop(driver, tmp_path):
    turns = Turn(uses=(Use("write", path="a.txt", content="x"),)), Turn("Written.")
    with (
        threaded(driver.server(*turns)) as model,
        live.site(tmp_path, **driver.environment(model.url)) as site,
    ):
        site.serve_on_uvicorn()
        task_id = site.execute(title="Write", assignedAgent=driver.name)
        body = {"notificationId": site.pending(task_id)["id"], "behavior": "allow"}
        site.client.post(f"/api/tasks/{task_id}/respond", json=body)
        done = site.wait_for_status(task_id, "completed", "failed")
        assert (done["status"], done["result"]) == ("completed", "Written.")
        assert (site.home / "workspaces" / task_id / "a.txt").read_text().strip() == "x"


def test_what_is_not_installed_is_said_with_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "stagent.serving.uvicorn_server", raising=False)
    with pytest.raises(CommandError, match=r"pip install '\.\[fast\]'"):
        http_servers.load("uvicorn")
