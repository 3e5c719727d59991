"""What a request has used is booked though its worker went in the middle of the answer."""

import pytest

from ledger.models import DailySpend, LedgerEntry, OpenRequest, Scope
from ledger.models.open_request import COUNTS
from ledger.pricing import Usage
from ledger.unanswered import record_unanswered
from tasks.models.ids import new_id

pytestmark = pytest.mark.django_db

MODEL = "claude-sonnet-4-5"  # 3 USD for a million tokens in, 15 for a million out
BEGUN = Usage("anthropic", MODEL, input_tokens=1_000, output_tokens=1)
WHOLE = Usage("anthropic", MODEL, input_tokens=1_000, output_tokens=100)


@pytest.fixture
def ids():
    return {"task_id": new_id(), "run_id": new_id(), "runtime": "echo"}


@pytest.fixture
def begun(ids):
    counts = {count: getattr(BEGUN, count) for count in COUNTS}
    request = OpenRequest(
        **ids, key="msg_1", provider="anthropic", model=MODEL, **counts
    )
    OpenRequest.objects.begin(request)
    return ids


def record(ids):
    return LedgerEntry.objects.record(**ids, key="msg_1", usage=WHOLE, open_key="msg_1")


def spent():
    return DailySpend.objects.get(scope=Scope.OVERALL).spent_microdollars


def test_a_request_that_is_answered_is_one_entry(begun):
    record(begun)
    assert LedgerEntry.objects.get().cost_microdollars == 4_500
    assert not OpenRequest.objects.exists()
    assert record_unanswered([begun["run_id"]]) == []


def test_one_that_is_not_is_booked_as_far_as_it_is_known_and_once(begun):
    (entry,) = record_unanswered([begun["run_id"]])
    assert (entry.input_tokens, entry.cost_microdollars) == (1_000, 3_015)
    assert record_unanswered([begun["run_id"]]) == []
    assert LedgerEntry.objects.count() == 1


def test_other_runs_keep_theirs(begun):
    assert record_unanswered([new_id()]) == []
    assert OpenRequest.objects.exists()


def test_a_late_answer_takes_the_place_of_its_beginning(begun):
    record_unanswered([begun["run_id"]])
    for _ in range(2):
        record(begun)
    totals = LedgerEntry.objects.for_task(begun["task_id"]).totals()
    assert (totals.requests, totals.input_tokens, totals.output_tokens) == (
        1,
        1_000,
        100,
    )
    assert totals.cost_microdollars == spent() == 4_500


def test_a_beginning_that_is_written_after_the_whole_is_dropped(ids):
    record(ids)
    counts = {count: getattr(BEGUN, count) for count in COUNTS}
    late = OpenRequest(**ids, key="msg_1", provider="anthropic", model=MODEL, **counts)
    OpenRequest.objects.begin(late)
    assert record_unanswered([ids["run_id"]]) == []
    assert LedgerEntry.objects.get().output_tokens == 100
