"""Every runtime in a real server process that is killed in the middle."""

import json

import pytest
from django.db import connection

from tasks import catalog
from tests import live
from tests.agents.runtimes.drivers import ANTHROPIC, CLAUDE_CODE, DRIVERS
from tests.agents.runtimes.drivers.base import Turn, Use
from tests.servers.threaded import threaded

pytestmark = pytest.mark.slow

COMMAND = "echo >> started; sleep 30"
SCRIPT = (
    Turn("First.", uses=(Use("run", command=COMMAND),)),
    Turn("The end."),
)


# Where they all passed on one database, one that is a process and one that is none do.
ON_THIS_DATABASE = (
    DRIVERS if connection.vendor == "sqlite" else (ANTHROPIC, CLAUDE_CODE)
)


@pytest.fixture(params=ON_THIS_DATABASE, ids=lambda driver: driver.name)
def driver(request):
    return request.param


@pytest.fixture
def site(driver, tmp_path):
    with (
        threaded(driver.server(*SCRIPT, by_turn=True)) as server,
        live.site(tmp_path, **driver.environment(server.url)) as running,
    ):
        running.model = server
        yield running


def allow(site, task_id):
    body = {"notificationId": site.pending(task_id)["id"], "behavior": "allow"}
    answer = site.client.post(f"/api/tasks/{task_id}/respond", json=body)
    assert answer.status_code == 200, answer.text


def test_a_run_that_waits_and_one_in_a_tool_both_outlive_their_server(driver, site):
    server = site.serve()
    waiting = site.execute(title="Waits", assignedAgent=driver.name)
    working = site.execute(title="Works", assignedAgent=driver.name)
    allow(site, working)
    started = site.home / "workspaces" / working / "started"
    live.wait_for(started.exists)
    # Taken by the worker, perhaps by the agent: in no conversation, for the tool still runs.
    said = {"text": "The OTHER file!"}
    path = f"/api/tasks/{working}/messages"
    assert site.client.post(path, json=said).status_code == 201
    site.pending(waiting)
    live.kill(server)

    site.serve()
    allow(site, waiting)
    task = site.wait_for_status(working, "completed", "failed")
    assert (task["status"], task["result"]) == ("completed", "The end.")
    assert started.read_text() == "\n"  # an outcome that is unknown is not tried again
    assert_heard_once(site, working, "The OTHER file!")
    site.client.post(f"/api/tasks/{waiting}/cancel")
    for task_id in (waiting, working):
        numbers = [entry["sequence"] for entry in site.follow(task_id)]
        assert numbers == list(range(1, len(numbers) + 1))
    usages = [e for e in site.follow(working) if e["eventType"] == "usage"]
    assert len(usages) == 2  # each request once


def assert_heard_once(site, task_id, text):
    [message] = site.client.get(f"/api/tasks/{task_id}/messages").json()
    assert message["deliveredAt"] is not None
    told = [
        e["isDelivered"] for e in site.follow(task_id) if e["eventType"] == "message"
    ]
    assert told == [False, True]
    heard = [str(request.body) for request in site.model.requests]
    assert [body.count(text) for body in heard if text in body] == [1]


@pytest.fixture
def asking_site(driver, tmp_path):
    """One whose model asks for a command, and where it does not hear of it, once more."""
    asks = Turn("First.", uses=(Use("run", command="echo >> done"),))
    again = [asks] * catalog.runtime(driver.name).is_a_process
    with (
        threaded(driver.server(asks, *again, Turn("The end."))) as server,
        live.site(tmp_path, **driver.environment(server.url)) as running,
    ):
        running.model = server
        yield running


def test_an_answer_that_is_given_while_no_worker_is_there_is_heard(driver, asking_site):
    site = asking_site
    server = site.serve()
    task_id = site.execute(title="Waits", assignedAgent=driver.name)
    site.pending(task_id)
    live.kill(server)
    web = site.daphne()
    allow(site, task_id)
    live.kill(web)
    site.serve()
    task = site.wait_for_status(task_id, "completed", "failed")
    assert (task["status"], task["result"]) == ("completed", "The end.")
    assert (site.home / "workspaces" / task_id / "done").read_text() == "\n"
    asked = [e for e in site.follow(task_id) if e["eventType"] == "permission_request"]
    assert len(asked) == 1
    if catalog.runtime(driver.name).is_a_process:
        requests = [json.dumps(request.body) for request in site.model.requests]
        assert "have certainly not been carried out" in requests[-1]
