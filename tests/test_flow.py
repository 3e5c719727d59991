"""HTTP to ledger on real processes: the road that every client takes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import live


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with live.site(tmp_path_factory.mktemp("site")) as running:
        running.serve()
        yield running


def test_a_task_goes_from_creation_to_its_cost(site):
    task_id = site.execute(
        "say: Analyzing quarterly trends...",
        "use: input=1000 output=100",
        "finish: ## Revenue",
    )
    entries = list(site.follow(task_id))

    assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry["eventType"] for entry in entries][-3:] == [
        "assistant",
        "usage",
        "result",
    ]
    output = site.client.get(f"/api/tasks/{task_id}/output").json()
    assert output == {
        "taskId": task_id,
        "status": "completed",
        "result": "## Revenue",
        "contentType": "markdown",
        "error": None,
        "runtime": "echo",
        "profile": "data-analyst",
    }
    usage = site.task(task_id)["usage"]
    assert (usage["inputTokens"], usage["outputTokens"], usage["totalTokens"]) == (
        1000,
        100,
        1100,
    )
    assert usage["costMicros"] == 4500  # at 3 and 15 dollars a million
    assert usage["startedAt"] < usage["finishedAt"]


def test_of_fifty_executes_at_once_one_starts_the_task(site):
    task_id = site.queue("sleep: 0.2")
    statuses = site.at_once(50, "POST", f"/api/tasks/{task_id}/execute")
    assert statuses == [202] + [400] * 49
    site.wait_for_status(task_id, "completed")


def test_of_fifty_answers_at_once_one_counts(site):
    task_id = site.execute("ask: write:/a.txt", "finish: written")
    answer = {"notificationId": site.pending(task_id)["id"], "behavior": "allow"}
    statuses = site.at_once(50, "POST", f"/api/tasks/{task_id}/respond", json=answer)
    assert statuses == [200] + [409] * 49
    assert site.wait_for_status(task_id, "completed")["result"] == "written"


def test_a_reader_that_reconnects_gets_the_rest_and_then_no_more(site):
    task_id = site.execute("say: one", "say: two", "finish: done")
    entries = list(site.follow(task_id))
    assert list(site.follow(task_id, after=2)) == entries[2:]
    again = site.client.get(
        f"/api/tasks/{task_id}/logs", headers={"Last-Event-ID": str(len(entries))}
    )
    assert again.status_code == 204


def test_a_cancelled_run_stops_at_once(site):
    task_id = site.execute("say: begun", "sleep: 600", "say: never")
    site.wait_for_log(task_id, "begun")
    assert site.client.post(f"/api/tasks/{task_id}/cancel").json() == {"success": True}
    assert site.task(task_id)["status"] == "cancelled"
    assert "never" not in [entry["message"] for entry in site.follow(task_id)]


def allow(site, task_id):
    answer = {"notificationId": site.pending(task_id)["id"], "behavior": "allow"}
    site.client.post(f"/api/tasks/{task_id}/respond", json=answer)


def test_unfinished_text_is_shown_and_not_kept(site):
    script = ("ask: write:/a.txt", "partial: Once upon", "ask: write:/b.txt")
    task_id = site.execute(*script, "finish: done")
    with site.client.stream("GET", f"/api/tasks/{task_id}/logs?partial=1") as response:
        lines = response.iter_lines()
        assert next(lines) == "retry: 2000"  # it listens
        allow(site, task_id)
        assert "event: partial" in lines
        assert next(lines).startswith(
            'data: {"eventType":"partial","message":"Once upon",'
        )
    allow(site, task_id)
    assert "Once upon" not in str(list(site.follow(task_id)))


def test_sixty_tasks_run_side_by_side(site):
    """Each sleeps until it is cancelled, so that none begins because another has ended."""
    ids = [site.execute("sleep: 600") for _ in range(60)]
    at_work = "SELECT count(*) FROM tasks_run WHERE status = 'running'"
    live.wait_for(lambda: site.rows(at_work) == [(60,)])
    for task_id in ids:
        site.client.post(f"/api/tasks/{task_id}/cancel")
    live.wait_for(lambda: site.rows(at_work) == [(0,)])
    assert {site.task(task_id)["status"] for task_id in ids} == {"cancelled"}


def test_a_foreign_page_cannot_drive_the_server(site):
    evil = {"Origin": "http://evil.example"}
    assert (
        site.client.post("/api/tasks", json={"title": "x"}, headers=evil).status_code
        == 403
    )
    rebound = {"Host": "evil.example"}
    assert site.client.get("/api/tasks", headers=rebound).status_code == 400


def test_a_body_of_20_megabytes_is_refused(site):
    body = b'{"title": "' + b"x" * 20_000_000 + b'"}'
    answer = site.client.post(
        "/api/tasks", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413
    assert "error" in answer.json()


def test_the_log_of_a_task_that_is_not_there_is_a_404(site):
    assert site.client.get("/api/tasks/task-9d4e-a1b2/logs").status_code == 404


def test_many_readers_get_every_entry_once_and_in_order(site):
    says = [f"say: {n}" for n in range(100)]
    task_id = site.execute("ask: write:/a.txt", *says, "finish: done")
    begun = threading.Barrier(10 + 1)

    def read():
        entries = site.follow(task_id)
        sequences = [next(entries)["sequence"]]
        begun.wait()
        return sequences + [entry["sequence"] for entry in entries]

    with ThreadPoolExecutor(10) as readers:
        reading = [readers.submit(read) for _ in range(10)]
        begun.wait()  # all of them follow before the agent goes on
        allow(site, task_id)
    logs = [one.result() for one in reading]
    assert len(logs[0]) > 100
    assert logs == [list(range(1, len(logs[0]) + 1))] * 10
