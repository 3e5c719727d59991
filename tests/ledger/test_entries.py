"""An entry is written once, never changed, and offset where it is wrong."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from importlib import import_module
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.db import connection

from ledger.models import DailySpend, EntryIsFinal, LedgerEntry, Totals
from ledger.models.daily_spend import SUMS, USED
from tests.ledger.factories import (
    FreeUsageFactory,
    LedgerEntryFactory,
    UnknownUsageFactory,
    UsageFactory,
)

pytestmark = pytest.mark.django_db
COST = 1000 * 3 + 200 * 15  # of UsageFactory(), in microdollars


def test_an_entry_keeps_what_was_used_and_the_price():
    task_id, run_id = uuid4(), uuid4()
    LedgerEntryFactory(
        task_id=task_id,
        run_id=run_id,
        key="msg_1",
        project_id="proj-8f3a",
        runtime="claude-code",
    )
    entry = LedgerEntry.objects.get()
    assert (entry.task_id, entry.run_id, entry.key) == (task_id, run_id, "msg_1")
    assert (entry.project_id, entry.runtime) == ("proj-8f3a", "claude-code")
    assert (entry.provider, entry.model) == ("anthropic", "claude-sonnet-4-6")
    assert (entry.input_tokens, entry.output_tokens) == (1000, 200)
    assert (entry.input_price, entry.output_price) == (3_000_000, 15_000_000)
    assert entry.cost_microdollars == COST
    assert entry.price_source.startswith("genai-prices ")


def test_the_price_that_an_entry_keeps_gives_its_cost():
    usage = UsageFactory(
        model="claude-haiku-5-5",
        input_tokens=7,
        cache_read_tokens=12_345,
        cache_write_tokens=333,
        cache_write_1h_tokens=21,
        output_tokens=13,
    )
    pk = LedgerEntryFactory(usage=usage).pk
    entry = LedgerEntry.objects.get(pk=pk)
    exact = sum(
        getattr(entry, f"{kind}_tokens") * getattr(entry, f"{kind}_price")
        for kind in ("input", "cache_read", "cache_write", "cache_write_1h", "output")
    )
    assert entry.cost_microdollars == (exact / 1_000_000).quantize(
        Decimal(1), ROUND_HALF_UP
    )
    assert entry.price.cost(usage) == entry.cost_microdollars


def test_an_unknown_cost_is_none_and_a_free_one_is_0():
    assert LedgerEntryFactory(usage=UnknownUsageFactory()).cost_microdollars is None
    assert LedgerEntryFactory(usage=FreeUsageFactory()).cost_microdollars == 0


def test_the_same_key_again_returns_the_first_entry():
    first = LedgerEntryFactory(key="msg_1")
    again = LedgerEntryFactory(
        task_id=first.task_id,
        run_id=first.run_id,
        key="msg_1",
        usage=UsageFactory(output_tokens=999),
    )
    assert (again.pk, again.output_tokens) == (first.pk, 200)
    assert (
        LedgerEntry.objects.for_task(first.task_id).totals().cost_microdollars == COST
    )
    assert DailySpend.objects.get(scope="overall").spent_microdollars == COST


def test_two_runs_may_use_the_same_key():
    LedgerEntryFactory(key="msg_1")
    LedgerEntryFactory(key="msg_1")
    assert LedgerEntry.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_many_that_record_the_same_request_one_books():
    task_id, run_id = uuid4(), uuid4()

    def record(_):
        try:
            return LedgerEntryFactory(task_id=task_id, run_id=run_id, key="msg_1").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        entries = set(threads.map(record, range(12)))
    assert len(entries) == 1
    assert DailySpend.objects.get(scope="overall").spent_microdollars == COST


@pytest.mark.django_db(transaction=True)
def test_entries_of_many_runtimes_and_projects_are_booked_at_once():
    def record(number):
        try:
            LedgerEntryFactory(
                runtime=f"runtime-{number % 3}", project_id=f"project-{number % 2}"
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(record, range(24)))
    spent = dict(DailySpend.objects.values_list("scope_id", "spent_microdollars"))
    assert spent[""] == 24 * COST
    assert spent["runtime-0"] == 8 * COST
    assert spent["project-1"] == 12 * COST


def test_an_entry_cannot_be_saved_again():
    entry = LedgerEntryFactory()
    entry.cost_microdollars = 0
    with pytest.raises(EntryIsFinal):
        entry.save(update_fields=["cost_microdollars"])


@pytest.mark.parametrize(
    "change",
    [
        lambda: LedgerEntry.objects.update(cost_microdollars=0),
        lambda: LedgerEntry.objects.all().delete(),
        lambda: LedgerEntry.objects.get().delete(),
        lambda: LedgerEntry.objects.bulk_update([LedgerEntry.objects.get()], ["key"]),
        lambda: LedgerEntry.objects.bulk_create([LedgerEntry()]),
        lambda: LedgerEntry.objects.update_or_create(pk=LedgerEntry.objects.get().pk),
    ],
)
def test_nothing_changes_or_removes_an_entry(change):
    entry = LedgerEntryFactory()
    with pytest.raises(EntryIsFinal):
        change()
    assert LedgerEntry.objects.get().cost_microdollars == entry.cost_microdollars


def test_a_correction_offsets_an_entry():
    entry = LedgerEntryFactory()
    correction = LedgerEntry.objects.correct(entry, reason="booked for the wrong task")
    assert correction.cost_microdollars == -COST
    assert (correction.input_tokens, correction.output_tokens) == (-1000, -200)
    assert (correction.corrects, correction.reason) == (
        entry,
        "booked for the wrong task",
    )
    assert DailySpend.objects.get(scope="overall").spent_microdollars == 0


def test_an_entry_is_corrected_once():
    entry = LedgerEntryFactory()
    first = LedgerEntry.objects.correct(entry, reason="a mistake")
    assert LedgerEntry.objects.correct(entry, reason="again") == first
    assert LedgerEntry.objects.count() == 2


def test_a_correction_is_final():
    correction = LedgerEntry.objects.correct(LedgerEntryFactory(), reason="a mistake")
    with pytest.raises(EntryIsFinal):
        LedgerEntry.objects.correct(correction, reason="it was right after all")


def test_an_entry_of_unknown_cost_can_be_corrected():
    entry = LedgerEntryFactory(usage=UnknownUsageFactory())
    assert (
        LedgerEntry.objects.correct(entry, reason="a mistake").cost_microdollars is None
    )
    totals = LedgerEntry.objects.for_task(entry.task_id).totals()
    assert (totals.requests, totals.unpriced_requests) == (0, 0)


def test_totals_add_up_a_task():
    task_id = uuid4()
    LedgerEntryFactory()  # of another task
    LedgerEntryFactory(task_id=task_id)
    LedgerEntryFactory(task_id=task_id, usage=UnknownUsageFactory())
    usage = UsageFactory(
        model="claude-opus-4-5",
        input_tokens=1,
        cache_read_tokens=20,
        cache_write_tokens=300,
        cache_write_1h_tokens=4000,
        output_tokens=0,
    )
    last = LedgerEntryFactory(task_id=task_id, usage=usage)
    assert LedgerEntry.objects.for_task(task_id).totals() == Totals(
        input_tokens=2001 + 20 + 300 + 4000,
        uncached_input_tokens=2001,
        cache_read_tokens=20,
        cache_write_tokens=300,
        cache_write_1h_tokens=4000,
        output_tokens=400,
        cost_microdollars=COST + last.cost_microdollars,
        requests=3,
        unpriced_requests=1,
        last_model="claude-opus-4-5",
    )


def test_totals_leave_out_what_was_corrected():
    kept = LedgerEntryFactory()
    wrong = LedgerEntryFactory(
        task_id=kept.task_id, usage=UsageFactory(model="claude-opus-4-5")
    )
    LedgerEntry.objects.correct(wrong, reason="a mistake")
    totals = LedgerEntry.objects.for_task(kept.task_id).totals()
    assert (totals.requests, totals.output_tokens, totals.cost_microdollars) == (
        1,
        200,
        COST,
    )


def test_the_total_cost_is_none_where_none_is_known():
    entry = LedgerEntryFactory(usage=UnknownUsageFactory())
    assert (
        LedgerEntry.objects.for_task(entry.task_id).totals().cost_microdollars is None
    )


def test_a_task_without_entries_has_no_requests():
    totals = LedgerEntry.objects.for_task(uuid4()).totals()
    assert (totals.requests, totals.cost_microdollars, totals.last_model) == (0, 0, "")


def test_totals_take_two_queries(django_assert_num_queries):
    task_id = LedgerEntryFactory().task_id
    with django_assert_num_queries(2):
        LedgerEntry.objects.for_task(task_id).totals()


def test_recording_takes_the_same_queries_however_long_the_book(
    django_assert_max_num_queries, django_assert_num_queries
):
    with django_assert_max_num_queries(6) as first:
        LedgerEntryFactory(project_id="proj-8f3a")
    for _ in range(20):
        LedgerEntryFactory(project_id="proj-8f3a")
    with django_assert_num_queries(len(first)):
        LedgerEntryFactory(project_id="proj-8f3a")


def test_a_free_or_unknown_entry_counts_into_its_day_at_no_cost():
    LedgerEntryFactory(usage=FreeUsageFactory())
    LedgerEntryFactory(usage=UnknownUsageFactory())
    day = DailySpend.objects.get(scope="overall")
    assert (day.spent_microdollars, day.requests, day.unpriced_requests) == (0, 2, 1)


def test_the_days_sum_up_to_what_the_ledger_holds():
    kept = LedgerEntryFactory(project_id="proj-8f3a")
    LedgerEntryFactory(usage=UnknownUsageFactory(), task_id=kept.task_id)
    wrong = LedgerEntryFactory(task_id=kept.task_id)
    LedgerEntry.objects.correct(wrong, reason="counted twice")
    held = LedgerEntry.objects.for_task(kept.task_id).totals()
    assert DailySpend.objects.totals() == replace(held, last_model="")
    of_project = LedgerEntry.objects.filter(project_id="proj-8f3a").totals()
    assert DailySpend.objects.totals(project_id="proj-8f3a") == replace(
        of_project, last_model=""
    )


def test_days_whose_requests_have_no_price_cost_an_unknown_amount():
    assert DailySpend.objects.totals().cost_microdollars == 0
    LedgerEntryFactory(usage=UnknownUsageFactory())
    assert DailySpend.objects.totals().cost_microdollars is None


def test_a_ledger_of_before_is_counted_into_its_days():
    LedgerEntryFactory(project_id="proj-8f3a")
    LedgerEntryFactory(usage=UnknownUsageFactory())
    wrong = LedgerEntryFactory()
    LedgerEntry.objects.correct(wrong, reason="counted twice")
    DailySpend.objects.exclude(scope__in=["overall", "runtime"]).exclude(
        scope="project", scope_id="proj-8f3a"
    ).delete()  # which are counted by a later migration
    counted = list(DailySpend.objects.order_by("scope", "scope_id").values(*SUMS))
    DailySpend.objects.update(**dict.fromkeys(USED, 0))
    DailySpend.objects.filter(spent_microdollars=0).delete()
    fill = import_module("ledger.migrations.0003_fill_daily_sums").fill
    with connection.cursor() as cursor:
        fill(None, SimpleNamespace(connection=connection, execute=cursor.execute))
    assert (
        list(DailySpend.objects.order_by("scope", "scope_id").values(*SUMS)) == counted
    )


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's plans")
def test_what_corrects_nothing_is_not_looked_up_in_an_index():
    entry = LedgerEntryFactory()
    requests = LedgerEntry.objects.for_task(entry.task_id).filter(corrects=None)
    plan = requests.order_by("-pk").explain()
    assert "ledger_entry_task" in plan
    assert "corrected_once" not in plan
