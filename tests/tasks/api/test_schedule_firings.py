"""What a schedule starts by the API, and what it tells of its firings."""

from tasks.models import Firing, Task
from tests.factories import ScheduleFactory
from tests.ledger.factories import BudgetFactory
from tests.ledger.spending import spend
from tests.tasks.api.schedule_requests import CHECKLIST, url
from tests.tasks.schedules.due import HOUR, NOON, due_schedule, end, fire


def test_run_now_starts_a_task(api):
    schedule = ScheduleFactory()
    answer = api.post(url(schedule, "execute"))
    assert answer.status_code == 200
    task = Task.objects.get()
    assert answer.json() == {
        "taskId": str(task.pk),
        "workflowRunId": None,
        "forced": False,
        "firingNumber": 1,
    }
    assert task.status == Task.Status.RUNNING


def test_run_now_beside_a_running_task_is_a_conflict_unless_forced(api):
    schedule = ScheduleFactory()
    api.post(url(schedule, "execute"))
    again = api.post(url(schedule, "execute"))
    assert again.status_code == 409
    assert "still running" in again.json()["error"]
    forced = api.post(url(schedule, "execute") + "?force=true")
    assert (forced.status_code, forced.json()["forced"]) == (200, True)
    assert Task.objects.count() == 2


def test_run_now_without_money_is_a_429_with_a_row_and_no_task(api):
    BudgetFactory(limit_microdollars=0)
    answer = api.post(url(ScheduleFactory(), "execute"))
    assert answer.status_code == 429
    assert answer["Retry-After"]
    assert Firing.objects.get().status == "refused"
    assert not Task.objects.exists()


def test_run_now_on_a_runtime_that_is_not_ready_is_a_400_with_a_row(api, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    schedule = ScheduleFactory(assigned_agent="openai-direct")
    answer = api.post(url(schedule, "execute"))
    assert answer.status_code == 400
    assert "OPENAI_API_KEY" in answer.json()["error"]
    assert Firing.objects.get().status == "refused"


def test_the_history_of_a_heartbeat_tells_what_it_found_and_spent(api):
    schedule = due_schedule(
        type="heartbeat", checklist=CHECKLIST, heartbeat_budget_microdollars=2_000_000
    )
    quiet, act = '{"action_needed": false}', '{"action_needed": true}'
    first = fire(schedule)
    spend(first.task_id, 500_000)
    end(first, result=quiet)
    second = end(fire(schedule, NOON + HOUR), result=act)
    found = api.get(url(schedule, "heartbeat-history")).json()
    assert [entry["event"] for entry in found["history"]] == [
        "heartbeat_action",
        "heartbeat_suppressed",
    ]
    assert found["history"][0]["taskId"] == str(second.task_id)
    assert found["history"][0]["payload"] == {"action_needed": True, "items": []}
    stats = found["stats"]
    assert stats.pop("lastActionAt") is not None
    assert stats == {
        "suppressionCount": 0,
        "firingCount": 2,
        "heartbeatSpentToday": 0.5,
        "heartbeatBudgetPerDay": 2.0,
    }


def test_only_heartbeats_have_such_a_history(api):
    answer = api.get(url(ScheduleFactory(), "heartbeat-history"))
    assert answer.status_code == 400
    assert answer.json() == {"error": "Schedule is not a heartbeat"}
