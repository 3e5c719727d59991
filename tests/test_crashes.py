"""Processes are killed and stopped in the middle: nothing is lost, nothing counts twice."""

import signal

import pytest

from tests import live

pytestmark = pytest.mark.slow


@pytest.fixture
def site(tmp_path):
    with live.site(tmp_path) as running:
        yield running


def sequences(site, task_id):
    return [entry["sequence"] for entry in site.follow(task_id)]


def test_a_killed_run_goes_on_from_its_checkpoint(site):
    server = site.serve()
    task_id = site.execute(
        "use: input=1000 output=10 key=first",
        "checkpoint",
        "say: after the checkpoint",
        "sleep: 3",
        "finish: made it",
    )
    site.wait_for_log(task_id, "after the checkpoint")
    live.kill(server)

    site.serve()
    task = site.wait_for_status(task_id, "completed")
    assert task["result"] == "made it"
    assert task["usage"]["inputTokens"] == 1000  # booked once
    log = sequences(site, task_id)
    assert log == list(range(1, len(log) + 1))


def test_a_task_that_kills_its_worker_three_times_is_failed_and_takes_no_other_along(
    site,
):
    server = site.serve()
    bystander = site.execute("say: begun", "sleep: 12", "finish: made it")
    site.wait_for_log(bystander, "begun")
    poison = site.execute("sleep: 0.5", "kill")
    for _ in range(2):
        server.wait(timeout=60)
        server = site.serve()
    # The third time it is alone in a process of its own, and the bystander in another.
    site.wait_for_status(poison, "failed")
    assert "3 times" in list(site.follow(poison))[-1]["message"]
    assert site.wait_for_status(bystander, "completed")["result"] == "made it"
    assert server.poll() is None


def test_a_stopped_worker_hands_its_runs_over(site):
    server = site.serve()
    task_id = site.execute("checkpoint", "say: begun", "sleep: 8", "finish: made it")
    site.wait_for_log(task_id, "begun")
    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=60) == 0

    site.serve()
    assert site.wait_for_status(task_id, "completed")["result"] == "made it"
    runs = site.client.get(f"/api/tasks/{task_id}/provenance").json()["runs"]
    assert [run["status"] for run in runs] == ["handed_over", "completed"]


def test_a_permission_request_outlives_every_process(site):
    server = site.serve()
    task_id = site.execute("checkpoint", "ask: write:/a.txt", "finish: written")
    request = site.pending(task_id)
    live.kill(server)

    site.serve()
    assert site.pending(task_id)["id"] == request["id"]
    answer = {"notificationId": request["id"], "behavior": "allow"}
    assert (
        site.client.post(f"/api/tasks/{task_id}/respond", json=answer).status_code
        == 200
    )
    assert site.wait_for_status(task_id, "completed")["result"] == "written"


def test_a_killed_run_that_was_to_be_cancelled_ends_cancelled(site):
    server = site.serve()
    task_id = site.execute("say: begun", "sleep: 600")
    site.wait_for_log(task_id, "begun")
    live.kill(server)
    cancelled = site.manage("cancel", task_id)
    assert cancelled.returncode == 0, cancelled.stderr

    site.serve()
    site.wait_for_status(task_id, "cancelled")


def test_web_and_workers_in_processes_of_their_own(site):
    site.daphne()
    workers = [site.worker(), site.worker()]
    ids = [
        site.execute("checkpoint", f"say: {n}", "sleep: 1", "finish: made it")
        for n in range(8)
    ]
    live.kill(workers[0])
    for task_id in ids:
        assert site.wait_for_status(task_id, "completed")["result"] == "made it"
        log = sequences(site, task_id)
        assert log == list(range(1, len(log) + 1))
    workers[1].send_signal(signal.SIGTERM)
    assert workers[1].wait(timeout=60) == 0


def test_a_second_signal_leaves_no_grace(site):
    site.daphne()
    worker = site.start("manage.py", "runagents", "--grace", "60")
    task_id = site.execute("say: begun", "sleep: 600")
    site.wait_for_log(task_id, "begun")
    worker.send_signal(signal.SIGTERM)
    live.wait_for(lambda: "Stopping" in site.output)  # else the two may become one
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=60) == 0
    runs = site.client.get(f"/api/tasks/{task_id}/provenance").json()["runs"]
    assert [run["status"] for run in runs] == ["handed_over", "queued"]
