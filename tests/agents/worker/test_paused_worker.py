"""A worker that is paused for longer than its lease, as a laptop is whose lid is closed."""

import signal

import pytest

from tests import live

pytestmark = pytest.mark.slow

HELD = {
    True: "SELECT 1 FROM tasks_run WHERE lease_expires_at > now()",
    False: "SELECT 1 FROM tasks_run WHERE lease_expires_at > strftime('%Y-%m-%d %H:%M:%f')",
}
# A worker that wakes has a third of its lease to renew it: enough on a busy machine.
UNHURRIED = {"STAGENT_LEASE_SECONDS": "6"}


@pytest.fixture
def site(tmp_path):
    with live.site(tmp_path) as running:
        running.daphne()
        yield running


def pause(site, *workers):
    """Stop the processes until no lease holds any more, and let them go on."""
    held = HELD[bool(site.environment["DATABASE_URL"])]
    for worker in workers:
        worker.send_signal(signal.SIGSTOP)
    live.wait_for(lambda: not site.rows(held))
    for worker in workers:
        worker.send_signal(signal.SIGCONT)


def attempts(site):
    found = site.rows("SELECT task_id, status FROM tasks_run ORDER BY attempt")
    return [status for _, status in found]


def test_it_goes_on_with_its_runs_however_often_it_is_paused(site):
    worker = site.start("manage.py", "runagents", **UNHURRIED)
    steps = [step for n in range(3) for step in (f"say: {n}", "sleep: 1")]
    task_id = site.execute(*steps, "finish: made it")
    for n in range(3):
        site.wait_for_log(task_id, str(n))
        pause(site, worker)
    assert site.wait_for_status(task_id, "completed")["result"] == "made it"
    assert attempts(site) == ["completed"]


def test_workers_that_are_paused_together_leave_each_other_theirs(site):
    workers = [site.start("manage.py", "runagents", **UNHURRIED) for _ in range(2)]
    tasks = [
        site.execute("say: begun", "sleep: 4", "finish: made it") for _ in range(4)
    ]
    for task_id in tasks:
        site.wait_for_log(task_id, "begun")
    pause(site, *workers)
    for task_id in tasks:
        assert site.wait_for_status(task_id, "completed")["result"] == "made it"
    assert attempts(site) == ["completed"] * 4


def test_a_run_that_another_worker_took_up_meanwhile_is_left_to_it(site):
    paused = site.worker()
    task_id = site.execute("checkpoint", "say: begun", "sleep: 3", "finish: made it")
    site.wait_for_log(task_id, "begun")
    paused.send_signal(signal.SIGSTOP)
    site.worker()
    live.wait_for(lambda: attempts(site)[1:] == ["running"])
    paused.send_signal(signal.SIGCONT)
    assert site.wait_for_status(task_id, "completed")["result"] == "made it"
    assert attempts(site) == ["lost", "completed"]
