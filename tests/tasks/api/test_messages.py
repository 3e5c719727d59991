"""What a person says to a task's agent: kept, in order, and what it starts."""

import pytest

from ledger.models import Reservation
from tasks.lifecycle import messages, runs
from tasks.lifecycle.runs import Outcome
from tasks.models import EventType, LogEntry, Message, NewEntry, Run, Task
from tests.factories import (
    DocumentFactory,
    RunFactory,
    SessionFactory,
    TaskFactory,
)

pytestmark = pytest.mark.django_db

CHECKPOINT = '{"line": 1}'


def tell(api, task, text="The other file!", **body):
    return api.post(f"/api/tasks/{task.pk}/messages", {"text": text, **body})


def finished(status=Task.Status.COMPLETED, **fields):
    """Return a task that has ended after a run that kept a checkpoint."""
    task = TaskFactory(status=status, result="It is done.", **fields)
    session = SessionFactory(task=task, state=CHECKPOINT)
    RunFactory(task=task, session=session, status=Run.Status.COMPLETED)
    Task.objects.filter(pk=task.pk).update(live_run=None, status=status)
    task.refresh_from_db()
    return task


def assert_untouched(task):
    before = task.status, task.log_sequence
    task.refresh_from_db()
    assert (task.status, task.log_sequence) == before
    assert not Message.objects.exists()
    assert not LogEntry.objects.exists()


# --- To a task that is in hand, or will be ------------------------------------------------


def test_a_message_to_a_running_task_is_kept_and_logged(api):
    run = RunFactory(status=Run.Status.RUNNING)
    response = tell(api, run.task)
    assert response.status_code == 201, response.content
    said = response.json()
    assert said == {
        "id": said["id"],
        "taskId": str(run.task_id),
        "text": "The other file!",
        "documentIds": [],
        "by": "api",
        "createdAt": said["createdAt"],
        "deliveredAt": None,
        "sequence": 1,
        "followUp": False,
    }
    entry = LogEntry.objects.get()
    assert (entry.event_type, entry.message) == ("message", "The other file!")
    assert entry.data == {"messageId": said["id"], "by": "api", "isDelivered": False}
    assert (entry.run_id, entry.sequence) == (run.pk, said["sequence"])


def test_a_message_to_a_running_task_rings_its_worker(
    api, monkeypatch, django_capture_on_commit_callbacks
):
    rung = []
    monkeypatch.setattr(
        messages.pubsub, "wake_workers", lambda **said: rung.append(said)
    )
    run = RunFactory(status=Run.Status.RUNNING)
    with django_capture_on_commit_callbacks(execute=True):
        tell(api, run.task)
    assert rung == [{"told": run.pk}]


@pytest.mark.parametrize("status", [Task.Status.PLANNED, Task.Status.QUEUED])
def test_a_message_to_a_task_that_has_not_started_waits_for_its_start(api, status):
    task = TaskFactory(status=status)
    response = tell(api, task)
    assert (response.status_code, response.json()["followUp"]) == (201, False)
    task.refresh_from_db()
    assert task.status == status
    assert [one.text for one in Message.objects.undelivered()] == ["The other file!"]


def test_messages_are_listed_in_their_order_a_page_at_a_time(api):
    task = RunFactory().task
    for text in "abc":
        tell(api, task, text)
    tell(api, RunFactory().task, "of another task")
    path = f"/api/tasks/{task.pk}/messages"
    assert [one["text"] for one in api.get(path).json()] == ["a", "b", "c"]
    page = api.get(f"{path}?limit=2")
    assert [one["text"] for one in page.json()] == ["a", "b"]
    following = page["Link"].split(">")[0].removeprefix("<")
    assert [one["text"] for one in api.get(following).json()] == ["c"]


@pytest.mark.parametrize("cursor", ["x", "1.x", "9" * 30, "-1.2"])
def test_a_cursor_of_no_list_is_a_field_error(api, cursor):
    path = f"/api/tasks/{RunFactory().task.pk}/messages?cursor={cursor}"
    assert list(api.get(path).json()["error"]["fieldErrors"]) == ["cursor"]


# --- To a finished task ------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [Task.Status.COMPLETED, Task.Status.FAILED, Task.Status.CANCELLED]
)
def test_a_finished_task_goes_on_in_a_new_run_of_its_session(api, status):
    task = finished(status, resume_count=3)
    response = tell(api, task)
    assert (response.status_code, response.json()["followUp"]) == (201, True)
    task.refresh_from_db()
    run = Run.objects.get(pk=task.live_run)
    assert (task.status, run.status) == (Task.Status.RUNNING, Run.Status.QUEUED)
    assert run.session == task.sessions.get()
    assert (run.is_follow_up, run.is_resume, run.attempt) == (True, False, 2)
    assert task.resume_count == 3  # which a resume's limit of three is about
    assert Reservation.objects.filter(run_id=run.pk).exists()
    said, started = task.log.all()
    assert (said.event_type, said.message) == ("message", "The other file!")
    assert started.message == "Follow-up started on echo as general."
    assert started.data == {"status": "running"}
    assert task.result == "It is done."  # until there is another


def test_a_follow_up_without_a_worker_says_so(api):
    assert "No worker" in tell(api, finished()).json()["warning"]


def test_two_messages_to_a_finished_task_start_one_run(api):
    task = finished()
    assert [tell(api, task, text).json()["followUp"] for text in "ab"] == [True, False]
    assert task.runs.count() == 2


def test_a_used_up_budget_refuses_a_follow_up_and_keeps_nothing(api):
    task = finished(max_budget_microdollars=0)
    response = tell(api, task)
    assert response.status_code == 429, response.content
    assert_untouched(task)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (
            lambda task: task.sessions.all().delete(),
            "There is no conversation to go on",
        ),
        (
            lambda task: task.sessions.update(state=""),
            "There is no conversation to go on",
        ),
        (
            lambda task: Task.objects.filter(pk=task.pk).update(
                assigned_agent="ollama"
            ),
            "The session belongs to echo",
        ),
        (
            lambda task: Task.objects.filter(pk=task.pk).update(agent_profile="gone"),
            "gone",
        ),
    ],
)
def test_what_cannot_go_on_refuses_a_message_and_keeps_nothing(api, spoil, reason):
    task = finished()
    spoil(task)
    response = tell(api, task)
    assert response.status_code == 400
    assert reason in response.json()["error"]
    assert_untouched(task)


# --- The race of a message and an end ----------------------------------------------------


def test_a_message_that_loses_to_the_end_starts_the_next_run():
    """The API saw the task running; by the time it has the lock, the run has ended."""
    run = RunFactory(status=Run.Status.RUNNING)
    run.session.state = CHECKPOINT
    run.session.save()
    seen_running = Task.objects.get(pk=run.task_id)
    runs.finish(run, Outcome(Task.Status.COMPLETED, "Completed.", result="x"))
    _, follow_up = messages.send(seen_running, "One more thing.", by="ada")
    assert follow_up.session == run.session
    assert Task.objects.get(pk=run.task_id).live_run == follow_up.pk


def test_an_end_that_loses_to_a_message_starts_the_next_run_at_once():
    """The agent is done, but its run had been told something by then."""
    run = RunFactory(status=Run.Status.RUNNING)
    run.session.state = CHECKPOINT
    run.session.save()
    LogEntry.objects.append(run.task_id, _started(), run_id=run.pk)
    messages.send(run.task, "One more thing.", by="ada")
    runs.finish(run, Outcome(Task.Status.COMPLETED, "Completed.", result="x"))
    task = Task.objects.get(pk=run.task_id)
    follow_up = Run.objects.get(pk=task.live_run)
    assert (task.status, task.result) == (Task.Status.RUNNING, "x")
    assert (follow_up.is_follow_up, follow_up.started_by) == (True, "ada")
    assert [entry.message for entry in task.log.all()][2:] == [
        "Completed.",
        "Follow-up started on echo as general.",
    ]


def test_an_agent_that_never_takes_a_message_is_not_started_for_ever():
    run = RunFactory(status=Run.Status.RUNNING)
    run.session.state = CHECKPOINT
    run.session.save()
    messages.send(run.task, "Said before the run began.", by="ada")
    LogEntry.objects.append(run.task_id, _started(), run_id=run.pk)
    # The log tells that it began after that.
    runs.finish(run, Outcome(Task.Status.COMPLETED, "Completed.", result="x"))
    assert Task.objects.get(pk=run.task_id).status == Task.Status.COMPLETED


def test_a_message_that_came_too_late_for_the_budget_waits_and_says_so():
    run = RunFactory(
        status=Run.Status.RUNNING, task=TaskFactory(max_budget_microdollars=0)
    )
    run.session.state = CHECKPOINT
    run.session.save()
    LogEntry.objects.append(run.task_id, _started(), run_id=run.pk)
    messages.send(run.task, "One more thing.", by="ada")
    runs.finish(run, Outcome(Task.Status.COMPLETED, "Completed.", result="x"))
    task = Task.objects.get(pk=run.task_id)
    assert (task.status, task.runs.count()) == (Task.Status.COMPLETED, 1)
    assert "came too late for this run, and waits" in task.log.last().message
    assert Message.objects.undelivered().exists()


@pytest.mark.parametrize("status", [Task.Status.FAILED, Task.Status.CANCELLED])
def test_a_run_that_does_not_complete_leaves_its_messages_to_the_next(status):
    run = RunFactory(status=Run.Status.RUNNING)
    LogEntry.objects.append(run.task_id, _started(), run_id=run.pk)
    messages.send(run.task, "One more thing.", by="ada")
    runs.finish(run, Outcome(status, "Ended."))
    assert Task.objects.get(pk=run.task_id).status == status
    assert Message.objects.undelivered().exists()


def _started():
    return NewEntry(EventType.STATUS, "Execution started.", {"status": "running"})


# --- What is no message ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": " \n\t"}, "text"),
        ({"text": "x" * 10_001}, "text"),
        ({"text": "😀" * 5_001}, "text"),
        ({"text": 7}, "text"),
        ({"text": None}, "text"),
        ({"text": "a\0b"}, "text"),
        ({"text": "x", "documentIds": "d"}, "documentIds"),
        ({"text": "x", "documentIds": [7]}, "documentIds"),
        ({"text": "x", "documentIds": ["nowhere"]}, "documentIds"),
        ({"text": "x", "documentIds": ["d"] * 51}, "documentIds"),
    ],
)
def test_what_is_no_message_is_a_field_error_and_changes_nothing(api, body, field):
    task = RunFactory(status=Run.Status.RUNNING).task
    task.refresh_from_db()
    response = api.post(f"/api/tasks/{task.pk}/messages", body)
    assert response.status_code == 400
    assert list(response.json()["error"]["fieldErrors"]) == [field]
    assert_untouched(task)


def test_a_text_of_the_greatest_length_is_taken(api):
    assert tell(api, RunFactory().task, "x" * 10_000).status_code == 201


@pytest.mark.parametrize("verb", ["get", "post"])
@pytest.mark.parametrize("task_id", ["x", "7f9c1c1e-3a52-4b0a-9d86-0d8d2f1f6f10"])
def test_a_task_that_is_not_there_is_a_404(api, verb, task_id):
    response = getattr(api, verb)(f"/api/tasks/{task_id}/messages", {"text": "x"})
    assert (response.status_code, response.json()) == (404, {"error": "Task not found"})


def test_an_agent_that_does_not_read_is_told_no_more_than_so_much(api):
    task = RunFactory().task
    for _ in range(messages.MAX_UNDELIVERED):
        assert tell(api, task).status_code == 201
    response = tell(api, task)
    assert response.status_code == 400
    assert "wait for the agent already" in response.json()["error"]


def test_documents_go_with_a_message_each_once(api):
    document = DocumentFactory()
    task = RunFactory().task
    said = tell(api, task, documentIds=[document.pk, document.pk]).json()
    assert said["documentIds"] == [document.pk]
    assert not task.documents.exists()


def test_a_deleted_task_takes_its_messages_along(api):
    task = finished()
    tell(api, task)
    assert api.delete(f"/api/tasks/{task.pk}").status_code == 200
    assert not Message.objects.exists()
