"""Assist over HTTP, on real processes: asked, answered, turned into a workflow, left, refused."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx2 as httpx
import pytest

from tests import live
from tests.tasks.assist.answers import ANSWER, answer

SECONDS = 4  # that an answer may take
USE = "use: input=1000 output=100"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    home = tmp_path_factory.mktemp("assist")
    with live.site(home, STAGENT_ASSIST_SECONDS=str(SECONDS)) as running:
        running.serve()
        live.wait_for(lambda: running.rows("SELECT name FROM tasks_worker"))
        yield running


def ask(site, *script, client=None, **fields):
    """Ask echo, which plays the lines of the description."""
    body = {"title": "Report", "description": "\n".join(script), **fields}
    return (client or site.client).post("/api/tasks/assist", json=body)


def says(given):
    return f"finish: {json.dumps(given)}"


def test_an_answer_becomes_a_workflow_whose_tasks_tell_the_whole_chain(site):
    said = answer({"title": "Read"}, {"title": "Write", "description": USE})
    asked = ask(site, USE, says(said))
    assert asked.status_code == 200, asked.text
    found = asked.json()
    assert found["costMicros"] == 4500
    assert found["notice"] is None

    body = {
        "name": "Report",
        "definition": found["definition"],
        "assistId": found["assistId"],
        "executeImmediately": True,
    }
    made = site.client.post("/api/workflows/from-assist", json=body).json()
    assert made["parentTaskId"] == found["assistId"]
    workflow_id = made["workflow"]["id"]
    path = f"/api/workflows/{workflow_id}/status"
    live.wait_for(lambda: site.client.get(path).json()["status"] == "completed")
    last = site.client.get(path).json()["steps"][-1]["taskId"]

    told = site.client.get(f"/api/tasks/{last}/provenance").json()
    assert (told["sourceType"], told["parentId"]) == ("workflow", workflow_id)
    assert [(one["type"], one["id"], one["costMicros"]) for one in told["lineage"]] == [
        ("assist", found["assistId"], 4500),
        ("workflow", workflow_id, 4500),
        ("task", last, 4500),
    ]


def test_a_single_task_made_of_it_names_it_too(site):
    found = ask(site, USE, says(answer(pattern="single"))).json()
    assert found["definition"] is None
    body = {"title": "Report", "assistId": found["assistId"]}
    task = site.client.post("/api/tasks", json=body).json()
    told = site.client.get(f"/api/tasks/{task['id']}/provenance").json()
    assert (told["sourceType"], told["parentId"]) == ("assist", found["assistId"])
    assert [one["type"] for one in told["lineage"]] == ["assist", "task"]


def test_an_assist_is_on_no_list_of_tasks_and_has_its_log(site):
    found = ask(site, "say: hm", says(ANSWER)).json()
    listed = site.client.get("/api/tasks").json()
    page = site.client.get("/api/tasks?limit=50").json()
    assert found["assistId"] not in {task["id"] for task in [*listed, *page]}
    assert site.task(found["assistId"])["title"] == "[Assist] Report"
    assert "hm" in [entry["message"] for entry in site.follow(found["assistId"])]


def test_garbage_is_no_answer(site):
    asked = ask(site, 'finish: {"improvedDescription": 3}')
    assert asked.status_code == 502
    assert "no answer that can be used" in asked.json()["error"]
    assert "$.improvedDescription: 3 is not of type" in asked.json()["error"]


def test_a_runtime_that_is_not_ready_is_a_400_with_what_mends_it(site):
    asked = ask(site, "x", assignedAgent="openai-direct")
    assert asked.status_code == 400
    assert "OPENAI_API_KEY" in asked.json()["error"]


@pytest.mark.slow
def test_one_that_takes_too_long_is_stopped(site):
    begun = time.monotonic()
    asked = ask(site, "sleep: 600")
    assert asked.status_code == 504
    assert time.monotonic() - begun < SECONDS + 20
    assert f"in {SECONDS} seconds" in asked.json()["error"]
    site.wait_for_status(asked.json()["assistId"], "cancelled")


def test_a_client_that_goes_away_stops_it(site):
    before = {row[0] for row in site.rows("SELECT id FROM tasks_task")}
    with (
        httpx.Client(base_url=site.url, timeout=1) as client,
        pytest.raises(httpx.TimeoutException),
    ):
        ask(site, "sleep: 600", client=client)
    after = {row[0] for row in site.rows("SELECT id FROM tasks_task")}
    (key,) = after - before
    task_id = str(UUID(str(key)))  # SQLite keeps it without dashes
    site.wait_for_status(task_id, "cancelled", seconds=SECONDS + 20)
    assert "who did not wait" in str(list(site.follow(task_id)))


def test_a_used_up_budget_is_a_429(site):
    budget = {"scope": "overall", "period": "daily", "limitUsd": 0}
    made = site.client.post("/api/budgets", json=budget)
    assert made.status_code == 201, made.text
    try:
        assert ask(site, says(ANSWER)).status_code == 429
    finally:
        site.client.delete(f"/api/budgets/{made.json()['id']}")


@pytest.mark.slow
def test_those_who_wait_keep_nobody_else_waiting(site):
    count = 10
    asking = threading.Barrier(count + 1)

    def wait(_):
        with httpx.Client(base_url=site.url, timeout=60) as client:
            asking.wait()
            return ask(site, "sleep: 2", says(ANSWER), client=client).status_code

    with ThreadPoolExecutor(count) as pool:
        answers = pool.map(wait, range(count))
        asking.wait()
        live.wait_for(lambda: _asked(site) >= count // 2)
        begun = time.monotonic()
        assert site.client.get("/api/tasks?limit=1").status_code == 200
        assert time.monotonic() - begun < 1.5
        assert set(answers) <= {200, 504}


def _asked(site):
    query = "SELECT count(*) FROM tasks_run WHERE status IN ('queued', 'running')"
    return site.rows(query)[0][0]


def test_asked_twice_with_one_key_it_is_done_once_and_answered_twice(site):
    def send():
        headers = {"Idempotency-Key": "the-same"}
        body = {"title": "Report", "description": f"say: x\n{says(ANSWER)}"}
        return site.client.post("/api/tasks/assist", json=body, headers=headers)

    first, second = send(), send()
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
