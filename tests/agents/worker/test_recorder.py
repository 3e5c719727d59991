"""What a run writes is there once, though a commit came through and only its answer was lost."""

import pytest
from django import db

from agents.protocol import events
from agents.worker.database import is_passing
from agents.worker.recorder import Recorder
from ledger.models import LedgerEntry, OpenRequest
from ledger.pricing import Usage
from tasks.exceptions import LeaseLost
from tasks.models import Run
from tasks.models.session import load_checkpoint
from tests.factories import RunFactory

pytestmark = pytest.mark.django_db

USAGE = Usage(provider="anthropic", model="claude-sonnet-4-5", input_tokens=1_000)


@pytest.fixture
def run():
    return RunFactory(status=Run.Status.RUNNING)


@pytest.fixture
def recorder(run):
    return Recorder(run)


def test_an_event_that_is_given_again_is_written_once(run, recorder):
    said = events.AssistantText("Revenue grew.")
    for _ in range(2):
        recorder.record(said)
    recorder.record(events.AssistantText("Revenue grew."))  # another one
    assert run.task.log.filter(message="Revenue grew.").count() == 2


def test_items_of_a_checkpoint_are_kept_once(run, recorder):
    for state in ({"step": 1}, {"step": 2}):
        reached = events.CheckpointReached(state, [{"role": "user"}])
        for _ in range(2):
            recorder.record(reached)
    assert load_checkpoint(run.session_id) == ({"step": 2}, [{"role": "user"}] * 2)


def test_usage_is_booked_and_told_once(run, recorder):
    reported = events.UsageReported("msg_1", USAGE)
    recorder.remember_usage(reported)
    for _ in range(2):
        recorder.record(reported)
    assert LedgerEntry.objects.get().input_tokens == 1_000
    assert run.task.log.filter(event_type="usage").count() == 1
    assert recorder.unbooked == []


def open_request(recorder):
    """Write a request down as it is before it is sent."""
    opened = events.UsageSoFar("ours", USAGE, is_estimated=True)
    recorder.remember_usage(opened)
    recorder.begin_request(opened)
    assert OpenRequest.objects.get().is_estimated


def test_the_booking_takes_the_place_of_what_was_written_down_before(run, recorder):
    open_request(recorder)
    reported = events.UsageReported("msg_1", USAGE, opened_as="ours")
    recorder.remember_usage(reported)
    for _ in range(2):
        recorder.record(reported)
    entry = LedgerEntry.objects.get()
    assert (entry.key, entry.is_estimated) == ("msg_1", False)
    assert not OpenRequest.objects.exists()
    assert recorder.unbooked == []


def test_what_the_provider_tells_at_its_answers_start_replaces_the_estimate(recorder):
    open_request(recorder)
    told = Usage(provider="anthropic", model="claude-x", input_tokens=7)
    recorder.begin_request(events.UsageSoFar("ours", told))
    left = OpenRequest.objects.get()
    assert (left.model, left.input_tokens, left.is_estimated) == ("claude-x", 7, False)


def test_an_estimate_is_booked_as_such_where_the_run_ends_without_an_answer(
    run, recorder
):
    open_request(recorder)
    recorder.book_unfinished()
    assert LedgerEntry.objects.get().is_estimated
    assert not OpenRequest.objects.exists()
    told = run.task.log.get(event_type="usage")
    assert "estimated, without the output" in told.message
    assert told.data["isEstimated"]


@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_request_that_used_nothing_is_crossed_out(recorder, is_recorded):
    open_request(recorder)
    nothing = events.NothingUsed("ours")
    recorder.remember_usage(nothing)
    if is_recorded:
        recorder.record(nothing)
    recorder.book_unfinished()
    assert not OpenRequest.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_a_late_worker_writes_nothing_again(run, recorder):
    said = events.AssistantText("too late")
    recorder.record(said)
    run.task.live_run = None
    run.task.save(update_fields=["live_run"])
    with pytest.raises(LeaseLost):
        recorder.record(said)


@pytest.mark.parametrize(
    ("error", "is_its_fault"),
    [
        (db.OperationalError("server closed the connection unexpectedly"), True),
        (db.InterfaceError("the connection is closed"), True),
        (db.ProgrammingError('column "losses" does not exist'), True),
        (db.IntegrityError("NOT NULL constraint failed: tasks_run.shard"), True),
        (db.IntegrityError('null value in column "shard" of relation'), True),
        (db.IntegrityError("UNIQUE constraint failed: tasks_run.id"), False),
        (db.DataError("bigint out of range"), False),
    ],
)
def test_what_is_tried_again(error, is_its_fault):
    assert is_passing(error) == is_its_fault
