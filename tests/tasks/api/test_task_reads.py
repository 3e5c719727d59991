"""What is told of a task beside itself: usage, output, siblings, provenance, names."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from ledger.models import LedgerEntry
from stagent.database.json_text import iso_text
from tasks.api.representation import provenance
from tasks.models import Run
from tests.factories import (
    DocumentFactory,
    PermissionRequestFactory,
    ProjectFactory,
    RunFactory,
    ScheduleFactory,
    TaskFactory,
    WorkflowFactory,
)
from tests.ledger.factories import (
    LedgerEntryFactory,
    UnknownUsageFactory,
    UsageFactory,
)


def read(api, task, what=""):
    answer = api.get(f"/api/tasks/{task.pk}{what}")
    assert answer.status_code == 200
    return answer.json()


def test_names_are_resolved(api):
    task = TaskFactory(
        project=ProjectFactory(name="Marketing Analysis"),
        workflow=WorkflowFactory(name="Quarter end"),
        schedule=ScheduleFactory(name="Mondays"),
    )
    shown = read(api, task)
    names = ("projectName", "workflowName", "scheduleName")
    assert [shown[name] for name in names] == [
        "Marketing Analysis",
        "Quarter end",
        "Mondays",
    ]


def test_usage_sums_up_all_runs(api):
    start = timezone.now().replace(microsecond=5000)
    run = RunFactory(status="failed", started_at=start, finished_at=start)
    end = start + timedelta(seconds=89)
    again = RunFactory(
        task=run.task, status="completed", started_at=start, finished_at=end
    )
    for one in (run, again):
        LedgerEntryFactory(task_id=one.task_id, run_id=one.pk)
    LedgerEntryFactory()  # another task's
    assert read(api, run.task)["usage"] == {
        "inputTokens": 2000,
        "outputTokens": 400,
        "totalTokens": 2400,
        "costMicros": 12_000,
        "modelId": "claude-sonnet-4-6",
        "startedAt": iso_text(start),
        "finishedAt": iso_text(end),
    }


def test_cached_tokens_are_input(api):
    task = RunFactory().task
    usage = UsageFactory(input_tokens=10, cache_read_tokens=90, output_tokens=1)
    LedgerEntryFactory(task_id=task.pk, usage=usage)
    assert read(api, task)["usage"]["inputTokens"] == 100


def test_an_unknown_cost_is_not_free(api):
    task = RunFactory().task
    LedgerEntryFactory(task_id=task.pk, usage=UnknownUsageFactory())
    usage = read(api, task)["usage"]
    assert (usage["costMicros"], usage["unpricedRequests"]) == (None, 1)


@pytest.mark.parametrize("factory", [UsageFactory, UnknownUsageFactory])
def test_what_was_corrected_does_not_count(api, factory):
    task = RunFactory().task
    entry = LedgerEntryFactory(task_id=task.pk, usage=factory())
    LedgerEntry.objects.correct(entry, reason="booked twice")
    usage = read(api, task).get("usage", {"totalTokens": 0, "costMicros": 0})
    assert usage["totalTokens"] == 0
    assert usage["costMicros"] == 0
    assert not usage.get("unpricedRequests")


def test_a_running_task_says_what_it_waits_for(api):
    now = timezone.now()
    request = PermissionRequestFactory(created_at=now.replace(microsecond=5000))
    PermissionRequestFactory(run=request.run)  # a later one waits behind it
    assert read(api, request.task)["waitingFor"] == {
        "notificationId": request.pk,
        "toolName": "write_file",
        "since": iso_text(request.created_at),
    }


@pytest.mark.parametrize(
    ("result", "content_type"),
    [
        ("## Q4 Revenue Analysis\n\nRevenue grew 23% QoQ...", "markdown"),
        ('{"a": [1, 2]}', "json"),
        ("It went well.", "text"),
        ("def main():\n    return 42\n\n\nimport sys\n", "code"),
        ("", "unknown"),
    ],
)
def test_output_tells_how_to_render_it(api, result, content_type):
    task = TaskFactory(status="completed", result=result)
    assert read(api, task, "/output") == {
        "taskId": str(task.pk),
        "status": "completed",
        "result": result,
        "contentType": content_type,
        "error": None,
        "runtime": None,
        "profile": None,
    }


RAN = ("error", "runtime", "profile")


@pytest.mark.parametrize("what", ["", "/output"])
def test_a_failed_task_says_why_and_what_really_ran(api, what):
    task = TaskFactory(status="failed", assigned_agent="", agent_profile="")
    RunFactory(task=task, status="lost", error="gone", runtime="echo")
    last = {"runtime": "ollama", "profile": "general"}
    RunFactory(task=task, status="failed", error="No such model.", **last)
    shown = read(api, task, what)
    assert [shown[name] for name in RAN] == ["No such model.", "ollama", "general"]
    assert not api.get("/api/tasks").json()[0].keys() & {"error", "runtime", "profile"}


@pytest.mark.parametrize("status", ["completed", "running", "queued", "cancelled"])
def test_a_task_that_is_not_failed_has_no_error(api, status):
    task = TaskFactory(status=status)
    RunFactory(task=task, status="failed", error="x", runtime="ollama", profile="p")
    for what in ("", "/output"):
        shown = read(api, task, what)
        assert [shown[name] for name in RAN] == [None, "ollama", "p"]


def test_a_task_that_never_ran_names_nothing_that_did(api):
    task = TaskFactory(status="failed", assigned_agent="ollama")
    for what in ("", "/output"):
        assert [read(api, task, what)[name] for name in RAN] == [None] * 3


def test_siblings_are_the_other_tasks_of_the_same_workflow_run(api):
    workflow, workflow_run = WorkflowFactory(), uuid4()
    first, second, third = TaskFactory.create_batch(
        3, workflow=workflow, workflow_run=workflow_run
    )
    TaskFactory(workflow=workflow, workflow_run=uuid4())  # another run of it
    assert read(api, second, "/siblings") == [
        {
            "id": str(task.pk),
            "title": task.title,
            "status": "planned",
            "createdAt": iso_text(task.created_at),
        }
        for task in (first, third)
    ]


def test_a_task_of_no_workflow_has_no_siblings(api):
    task, _ = TaskFactory.create_batch(2)
    assert read(api, task, "/siblings") == []


def test_a_task_of_a_person_is_manual(api):
    task_id = api.post("/api/tasks", {"title": "x"}).json()["id"]
    graph = api.get(f"/api/tasks/{task_id}/provenance").json()
    assert (graph["sourceType"], graph["parentId"]) == ("manual", None)
    assert graph["createdBy"] == "api"
    task = {"type": "task", "id": task_id, "name": "x", "costMicros": 0}
    assert graph["lineage"] == [task]


@pytest.mark.parametrize(
    ("source", "factory"),
    [("workflow", WorkflowFactory), ("schedule", ScheduleFactory)],
)
def test_provenance_names_the_parent(api, source, factory):
    parent = factory()
    task = TaskFactory(**{source: parent})
    graph = read(api, task, "/provenance")
    assert (graph["sourceType"], graph["parentId"], graph["parentName"]) == (
        source,
        str(parent.pk),
        parent.name,
    )
    assert [step["type"] for step in graph["lineage"]] == [source, "task"]


def test_provenance_tells_what_ran_who_allowed_it_and_what_it_cost(api):
    request = PermissionRequestFactory()
    task, document = request.task, DocumentFactory()
    task.documents.add(document)
    LedgerEntryFactory(task_id=task.pk, run_id=request.run_id)
    answer = {"notificationId": request.pk, "behavior": "allow"}
    api.post(f"/api/tasks/{task.pk}/respond", answer)
    graph = read(api, task, "/provenance")
    assert graph["documents"] == [{"id": document.pk, "name": "notes.txt"}]
    assert [(run["attempt"], run["runtime"]) for run in graph["runs"]] == [(1, "echo")]
    permission = graph["permissions"][0]
    assert (permission["status"], permission["decidedBy"]) == ("allowed", "api")
    assert graph["costMicros"] == 6000


def test_provenance_tells_the_last_runs_and_requests(api, monkeypatch):
    monkeypatch.setattr(provenance, "MOST_TOLD", 2)
    task = TaskFactory()
    ended = {"task": task, "status": Run.Status.FAILED}
    requests = [PermissionRequestFactory(run=RunFactory(**ended)) for _ in range(3)]
    graph = read(api, task, "/provenance")
    assert [run["attempt"] for run in graph["runs"]] == [2, 3]
    told = [permission["notificationId"] for permission in graph["permissions"]]
    assert told == [request.pk for request in requests[1:]]


def test_what_was_not_used_cost_nothing(api):
    task = TaskFactory()
    assert read(api, task, "/provenance")["costMicros"] == 0
    for query in ("", f"?taskId={task.pk}", "?projectId=none"):
        assert api.get(f"/api/usage{query}").json()["costMicros"] == 0
    LedgerEntryFactory(task_id=task.pk, usage=UnknownUsageFactory())
    assert read(api, task, "/provenance")["costMicros"] is None
    assert api.get("/api/usage").json()["costMicros"] is None


def test_a_list_can_be_of_the_tasks_of_one_schedule(api):
    schedule = ScheduleFactory()
    mine = [TaskFactory(schedule=schedule) for _ in range(3)]
    TaskFactory(), TaskFactory(schedule=ScheduleFactory())
    path = f"/api/tasks?scheduleId={schedule.pk}"
    for listed in (api.get(path).json(), api.get(f"{path}&limit=10").json()):
        assert {task["id"] for task in listed} == {str(task.pk) for task in mine}
    assert api.get(f"{path}&status=running").json() == []
    assert api.get("/api/tasks?scheduleId=nonsense").json() == []
