"""`execute` and `resume` start agents, within their rules, and are refused whole."""

import pytest
from django.utils import timezone

from tasks.models import LogEntry, Run, Session, Task
from tests.factories import (
    ProjectFactory,
    SessionFactory,
    TaskFactory,
    WorkerFactory,
    WorkflowFactory,
)
from tests.ledger.factories import (
    USD,
    BudgetFactory,
    LedgerEntryFactory,
    UsageFactory,
)

STARTED = {"execute": "Execution started", "resume": "Resume started"}


def url(task, action=""):
    return f"/api/tasks/{task.pk}{action}"


def with_checkpoint(**fields):
    fields.setdefault("status", Task.Status.FAILED)
    task = TaskFactory(**fields)
    SessionFactory(task=task, state='{"line": 1}')
    return task


def spend(task, microdollars):
    # 15 USD a million: 1 microdollar is 1/15 of a token.
    usage = UsageFactory(input_tokens=0, output_tokens=-(-microdollars // 15))
    LedgerEntryFactory(task_id=task.pk, usage=usage)


def startable(action):
    if action == "execute":
        return TaskFactory(status=Task.Status.QUEUED)
    return with_checkpoint()


def assert_untouched(task):
    before = Task.objects.get(pk=task.pk)
    assert (before.status, before.live_run, before.resume_count) == (
        task.status,
        task.live_run,
        task.resume_count,
    )
    assert not Run.objects.exists()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("action", STARTED)
def test_it_says_so_where_no_worker_would_take_it_up(api, action):
    WorkerFactory(expires_at=timezone.now())  # killed a while ago
    answer = api.post(url(startable(action), f"/{action}"))
    assert (answer.status_code, answer.json()["message"]) == (202, STARTED[action])
    assert "manage.py runagents" in answer.json()["warning"]


@pytest.mark.parametrize("action", STARTED)
def test_it_answers_at_once_and_queues_a_run(api, action):
    WorkerFactory()
    task = startable(action)
    answer = api.post(url(task, f"/{action}"))
    assert (answer.status_code, answer.json()) == (202, {"message": STARTED[action]})
    run = Run.objects.get()
    assert (run.status, run.runtime, run.attempt) == ("queued", "echo", 1)
    assert run.is_resume is (action == "resume")
    task.refresh_from_db()
    assert (task.status, task.live_run) == ("running", run.pk)


@pytest.mark.parametrize("action", STARTED)
def test_it_needs_no_body_and_reads_none(api, action):
    path = url(startable(action), f"/{action}")
    answer = api.generic("POST", path, b"{nonsense", content_type="text/plain")
    assert answer.status_code == 202


@pytest.mark.parametrize("status", sorted(set(Task.Status.values) - {"queued"}))
def test_only_a_queued_task_can_be_executed(api, status):
    task = TaskFactory(status=status)
    answer = api.post(url(task, "/execute"))
    assert answer.status_code == 400
    assert "queued" in answer.json()["error"]
    assert_untouched(task)


@pytest.mark.parametrize(
    "status", sorted(set(Task.Status.values) - {"failed", "cancelled"})
)
def test_only_a_failed_or_cancelled_task_can_be_resumed(api, status):
    task = with_checkpoint(status=status)
    answer = api.post(url(task, "/resume"))
    assert answer.status_code == 400
    assert status in answer.json()["error"]
    assert_untouched(task)


@pytest.mark.parametrize("has_session", [True, False])
def test_without_a_checkpoint_there_is_nothing_to_resume(api, has_session):
    task = TaskFactory(status="failed")
    if has_session:
        SessionFactory(task=task)
    answer = api.post(url(task, "/resume"))
    assert answer.status_code == 400
    assert "No session to resume" in answer.json()["error"]
    assert_untouched(task)


def test_a_task_is_resumed_three_times_and_then_started_afresh(api):
    task = with_checkpoint()
    for count in (1, 2, 3):
        assert api.post(url(task, "/resume")).status_code == 202
        assert api.get(url(task)).json()["resumeCount"] == count
        assert api.patch(url(task), {"status": "failed"}).status_code == 200
    refused = api.post(url(task, "/resume"))
    assert refused.status_code == 400
    assert (
        "Resume limit" in refused.json()["error"]
    )  # what the contract's sample looks for

    assert api.patch(url(task), {"status": "queued"}).status_code == 200
    assert api.post(url(task, "/execute")).status_code == 202
    shown = api.get(url(task)).json()
    assert (shown["status"], shown["resumeCount"]) == ("running", 0)
    assert Session.objects.filter(task=task).count() == 2


def test_a_resume_goes_on_in_the_session_of_the_checkpoint(api):
    task = with_checkpoint()
    api.post(url(task, "/resume"))
    assert Run.objects.get().session == task.sessions.get()


def test_a_task_moved_to_another_runtime_cannot_go_on_in_the_old_session(api):
    task = with_checkpoint(assigned_agent="ollama")
    answer = api.post(url(task, "/resume"))
    assert answer.status_code == 400
    assert "echo" in answer.json()["error"]
    assert_untouched(task)


def test_a_runtime_that_is_not_ready_is_a_400_that_says_what_mends_it(api, monkeypatch):
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    task = TaskFactory(status="queued", assigned_agent="ollama")
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    answer = api.post(url(task, "/execute"))
    assert answer.status_code == 400
    assert "ollama is not ready" in answer.json()["error"]
    assert_untouched(task)


def test_a_profile_that_is_gone_is_a_400(api):
    task = TaskFactory(status="queued", agent_profile="gone")
    answer = api.post(url(task, "/execute"))
    assert answer.status_code == 400
    assert "gone" in answer.json()["error"]
    assert_untouched(task)


@pytest.mark.parametrize("action", STARTED)
def test_a_task_that_has_spent_its_budget_is_a_429_without_retry_after(api, action):
    task = startable(action)
    spend(task, 2 * USD)
    answer = api.post(url(task, f"/{action}"))
    assert answer.status_code == 429
    assert "2.00" in answer.json()["error"]
    assert "Retry-After" not in answer  # no window will reset
    assert_untouched(task)


def test_a_workflow_step_may_spend_five_dollars(api):
    task = TaskFactory(status="queued", workflow=WorkflowFactory())
    spend(task, 4_900_000)
    assert api.post(url(task, "/execute")).status_code == 202


def test_the_tasks_own_budget_goes_first(api):
    task = TaskFactory(status="queued", max_budget_microdollars=10 * USD)
    spend(task, 9 * USD)
    assert api.post(url(task, "/execute")).status_code == 202


@pytest.mark.parametrize("action", STARTED)
@pytest.mark.parametrize("scope", ["overall", "runtime", "project"])
def test_a_used_up_budget_is_a_429_that_says_when_to_retry(api, action, scope):
    project = ProjectFactory()
    scope_id = {"overall": "", "runtime": "echo", "project": project.pk}[scope]
    BudgetFactory(scope=scope, scope_id=scope_id, limit_microdollars=0)
    task = startable(action)
    Task.objects.filter(pk=task.pk).update(project=project)
    answer = api.post(url(task, f"/{action}"))
    assert answer.status_code == 429
    assert "budget" in answer.json()["error"]
    assert 0 < int(answer["Retry-After"]) <= 86_400
    assert_untouched(task)


def test_what_runs_has_reserved_the_budget_of_what_wants_to_run(api):
    BudgetFactory(limit_microdollars=2 * USD)
    first, second = TaskFactory.create_batch(2, status="queued")
    assert api.post(url(first, "/execute")).status_code == 202
    answer = api.post(url(second, "/execute"))
    assert answer.status_code == 429
    assert answer.json()["error"].startswith(
        "Running tasks hold what is left of the daily budget of 2.00 USD: 2.00 USD are"
    )
    assert "reset" not in answer.json()["error"]
    assert "Retry-After" not in answer  # no window's end gives it back
    assert api.post(url(first, "/cancel")).status_code == 200
    assert api.post(url(second, "/execute")).status_code == 202
