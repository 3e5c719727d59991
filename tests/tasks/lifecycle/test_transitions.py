"""A status moves by the contract's table and by nothing else."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tasks.models import LogEntry, PermissionRequest, Run, Session, Task
from tests.conftest import Client
from tests.factories import PermissionRequestFactory, RunFactory, TaskFactory
from tests.ledger.factories import ReservationFactory

TABLE = {
    "planned": {"queued", "cancelled"},
    "queued": {"running", "planned", "cancelled"},
    "running": {"completed", "failed", "cancelled"},
    "completed": {"planned"},
    "failed": {"planned", "queued", "running"},
    "cancelled": {"planned", "running"},
}
MOVES = [(old, new) for old in TABLE for new in TABLE]


def url(task, action=""):
    return f"/api/tasks/{task.pk}{action}"


@pytest.mark.parametrize(("old", "new"), MOVES)
def test_patch_moves_by_the_table(api, old, new):
    task = TaskFactory(status=old)
    before = api.get(url(task)).json()
    answer = api.patch(url(task), {"status": new})
    after = api.get(url(task)).json()
    if new in TABLE[old]:
        assert answer.status_code == 200
        assert answer.json() == after
        assert after == {**before, "status": new, "updatedAt": after["updatedAt"]}
        entry = LogEntry.objects.get()
        assert (entry.event_type, entry.data) == ("status", {"status": new})
    else:
        is_same = old == new
        assert answer.status_code == (200 if is_same else 400)
        assert after == before
        assert not LogEntry.objects.exists()
        if not is_same:
            assert old in answer.json()["error"]
            assert new in answer.json()["error"]


def test_a_patch_to_running_starts_no_agent(api):
    task = TaskFactory(status="queued")
    assert api.patch(url(task), {"status": "running"}).status_code == 200
    assert not Run.objects.exists()


def test_a_client_can_drive_a_task_by_hand(api):
    task = TaskFactory()
    for status in ("queued", "running"):
        assert api.patch(url(task), {"status": status}).status_code == 200
    body = {"status": "completed", "result": "42"}
    assert api.patch(url(task), body).json()["result"] == "42"
    output = api.get(url(task, "/output")).json()
    assert (output["status"], output["result"]) == ("completed", "42")


@pytest.mark.parametrize("final", sorted(TABLE["running"]))
@pytest.mark.parametrize("run_status", ["queued", "running"])
def test_a_final_status_from_outside_ends_the_live_run(api, final, run_status):
    run = RunFactory(status=run_status)
    request = PermissionRequestFactory(run=run)
    reservation = ReservationFactory(task_id=run.task_id)
    assert api.patch(url(run.task), {"status": final}).status_code == 200
    run.refresh_from_db()
    request.refresh_from_db()
    assert run.status == "cancelled"
    assert request.status == PermissionRequest.Status.WITHDRAWN
    assert not type(reservation).objects.exists()
    assert Task.objects.get().live_run is None


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("planned", 200),
        ("queued", 200),
        ("running", 200),
        ("cancelled", 200),
        ("completed", 400),
        ("failed", 400),
    ],
)
def test_cancel_works_on_what_has_not_ended(api, status, code):
    task = TaskFactory(status=status)
    answer = api.post(url(task, "/cancel"))
    assert answer.status_code == code
    after = api.get(url(task)).json()["status"]
    if code == 200:
        assert answer.json() == {"success": True}
        assert after == "cancelled"
    else:
        assert after == status
        assert isinstance(answer.json()["error"], str)


def test_cancelling_again_writes_nothing(api):
    task = TaskFactory()
    api.post(url(task, "/cancel"))
    entries = LogEntry.objects.count()
    api.post(url(task, "/cancel"))
    assert LogEntry.objects.count() == entries == 1


def test_cancel_takes_a_run_that_nobody_performs_off_the_queue(api):
    run = RunFactory(status="queued")
    assert api.post(url(run.task, "/cancel")).status_code == 200
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert Task.objects.get().status == "cancelled"


def test_cancel_asks_the_worker_that_performs_the_run(api):
    run = RunFactory(status="running")
    assert api.post(url(run.task, "/cancel")).status_code == 200
    run.refresh_from_db()
    assert run.cancel_requested_at is not None
    assert Task.objects.get().status == "running"  # until the worker confirms


# --- The table, walked at random -----------------------------------------------------------


class Walk(RuleBasedStateMachine):
    """One task, moved by every verb in any order; `self.status` is what it must be."""

    def __init__(self):
        super().__init__()
        self.api = Client(HTTP_HOST="localhost:3000")
        self.create()

    def create(self):
        self.pk = self.api.post("/api/tasks", {"title": "x"}).json()["id"]
        self.path = f"/api/tasks/{self.pk}"
        self.status, self.has_run, self.resumes = "planned", False, 0

    def check(self, answer, is_allowed, code, status):
        assert answer.status_code == (code if is_allowed else 400), answer.json()
        if is_allowed:
            self.status = status

    @rule(status=st.sampled_from(sorted(TABLE)))
    def patch(self, status):
        is_allowed = status in TABLE[self.status] | {self.status}
        self.check(
            self.api.patch(self.path, {"status": status}), is_allowed, 200, status
        )

    @rule()
    def execute(self):
        answer = self.api.post(f"{self.path}/execute")
        if self.status == "queued":
            self.has_run, self.resumes = True, 0
            Session.objects.filter(task=self.pk).update(state='{"line": 1}')
        self.check(answer, self.status == "queued", 202, "running")

    @rule()
    def resume(self):
        is_allowed = (
            self.status in {"failed", "cancelled"} and self.has_run and self.resumes < 3
        )
        self.check(self.api.post(f"{self.path}/resume"), is_allowed, 202, "running")
        self.resumes += is_allowed

    @rule()
    def cancel(self):
        is_allowed = self.status not in {"completed", "failed"}
        self.check(self.api.post(f"{self.path}/cancel"), is_allowed, 200, "cancelled")

    @rule()
    def delete(self):
        assert self.api.delete(self.path).json() == {"success": True}
        assert self.api.get(self.path).status_code == 404
        self.create()

    @invariant()
    def task_and_runs_agree(self):
        shown = self.api.get(self.path).json()
        assert shown["status"] == self.status
        assert shown["resumeCount"] == self.resumes
        task = Task.objects.get(pk=self.pk)
        live = task.runs.live().values_list("pk", flat=True)
        assert list(live) == ([task.live_run] if task.live_run else [])
        assert not live or self.status == "running"
        attempts = [run.attempt for run in task.runs.order_by("attempt")]
        assert attempts == list(range(1, len(attempts) + 1))
        numbers = [entry.sequence for entry in task.log.order_by("sequence")]
        assert numbers == list(range(1, task.log_sequence + 1))


def test_no_walk_leaves_the_table(db):
    bounds = settings(max_examples=15, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Walk, settings=bounds)
