"""What was used in some days, by whatever one asks: the numbers are those of the ledger."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from ledger.models import DailySpend, DailyTaskSpend, LedgerEntry, Origin
from ledger.usage import Days, Group, TooManyGroups, Usage
from tests.factories import RunFactory
from tests.ledger.factories import LedgerEntryFactory, UnknownUsageFactory, UsageFactory

pytestmark = pytest.mark.django_db

FIRST = date(2026, 3, 1)
MARCH = Days(FIRST, date(2026, 3, 31))


def spend(amount, *, on=FIRST, **origin):
    """Count a request of this cost into a day."""
    facts = {"task_id": uuid4(), "runtime": "ollama", "model": "m", **origin}
    DailySpend.objects.add(
        {"spent_microdollars": amount, "requests": 1},
        at=datetime(on.year, on.month, on.day, 12, tzinfo=UTC),
        origin=Origin(**facts),
    )


def costs(groups: list[Group]):
    return [(*one.key.values(), one.totals.cost_microdollars) for one in groups]


def test_a_period_has_its_first_and_last_day_and_as_many_before():
    for day in (date(2026, 2, 28), FIRST, date(2026, 3, 31), date(2026, 4, 1)):
        spend(day.day, on=day)
    assert Usage(MARCH).totals().cost_microdollars == 32
    assert MARCH.before == Days(date(2026, 1, 29), date(2026, 2, 28))
    assert Usage(MARCH.before).totals().cost_microdollars == 28


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("project", "project_id"),
        ("runtime", "runtime"),
        ("model", "model"),
        ("profile", "profile"),
        ("creator", "created_by"),
    ],
)
def test_one_dimension_is_summed_up_dearest_first(name, column):
    for value, amount in (("a", 1), ("b", 5), ("a", 2)):
        spend(amount, **{column: value})
    usage = Usage(MARCH)
    assert costs(usage.group(name)) == [("b", 5), ("a", 3)]
    assert Usage(MARCH, {name: "a"}).totals().cost_microdollars == 3
    assert Usage(MARCH, {name: "nobody's"}).totals().requests == 0


def test_several_dimensions_at_once_are_summed_up_by_day():
    spend(1, on=FIRST + timedelta(1), model="m1", project_id="crm")
    spend(2, model="m1", project_id="crm")
    spend(4, model="m2", project_id="crm")
    spend(8, model="m1", project_id="other")
    found = Usage(MARCH, {"project": "crm"}).group("day", "model")
    second = FIRST + timedelta(1)
    assert costs(found) == [(FIRST, "m2", 4), (FIRST, "m1", 2), (second, "m1", 1)]
    both = Usage(MARCH, {"project": "crm", "model": "m1"})
    assert both.totals().cost_microdollars == 3


def test_tasks_are_the_dearest_over_all_days():
    long, short = uuid4(), uuid4()
    for number in range(3):
        spend(4, on=FIRST + timedelta(number), task_id=long, model="m1")
    spend(10, task_id=short, model="m2")
    assert costs(Usage(MARCH).group("task")) == [(long, 12), (short, 10)]
    assert costs(Usage(MARCH, {"model": "m2"}).group("task")) == [(short, 10)]
    assert Usage(MARCH, {"task": str(long)}).totals().cost_microdollars == 12


def test_of_many_tasks_a_day_a_few_are_read(django_assert_num_queries):
    DailyTaskSpend.objects.bulk_create(
        DailyTaskSpend(
            task_id=uuid4(), day=FIRST, runtime="r", model="m", spent_microdollars=cost
        )
        for cost in range(10_000)
    )
    with django_assert_num_queries(2):
        found = Usage(MARCH).group("task")
    assert [one.totals.cost_microdollars for one in found] == [*range(9_999, 9_899, -1)]


def test_more_groups_than_anybody_reads_are_refused():
    DailySpend.objects.bulk_create(
        DailySpend(day=FIRST, scope="project", scope_id=f"project-{number}")
        for number in range(10_001)
    )
    with pytest.raises(TooManyGroups):
        Usage(MARCH).group("project")


def test_the_days_hold_what_the_ledger_holds_by_each_dimension():
    task_id = uuid4()
    own = {"task_id": task_id, "profile": "general", "created_by": "ada"}
    LedgerEntryFactory(**own)
    LedgerEntryFactory(**own, usage=UnknownUsageFactory())
    wrong = LedgerEntryFactory(**own, usage=UsageFactory(model="claude-haiku-4-5"))
    LedgerEntry.objects.correct(wrong, reason="counted twice")
    LedgerEntryFactory(created_by="bob", project_id="crm")
    today = Days(timezone.now().date(), timezone.now().date())
    for name, entries in {
        "profile": {"profile": "general"},
        "creator": {"created_by": "ada"},
        "task": {"task_id": task_id},
        "project": {"project_id": ""},
        "model": {"model": wrong.model},
    }.items():
        (value,) = entries.values()
        held = LedgerEntry.objects.filter(**entries).totals()
        counted = Usage(today, {name: str(value)}).totals()
        assert (counted.requests, counted.cost_microdollars) == (
            held.requests,
            held.cost_microdollars,
        )
        assert counted.input_tokens == held.input_tokens


def test_a_ledger_of_before_is_counted_by_the_dimensions_and_again_the_same():
    run = RunFactory(profile="general", task__created_by="ada")
    LedgerEntryFactory(task_id=run.task_id, run_id=run.pk, project_id="crm")
    LedgerEntryFactory(usage=UnknownUsageFactory())  # of a task that is gone
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_ledgerentry SET profile = '', created_by = ''")
    new = DailySpend.objects.exclude(scope__in=["overall", "runtime"])
    new.exclude(scope="project", scope_id="crm").delete()
    DailyTaskSpend.objects.all().delete()
    fill = import_module("tasks.migrations.0019_fill_costs_by_dimension").fill
    for _ in range(2):
        fill(apps, SimpleNamespace(connection=connection))
        found = DailySpend.objects.values_list("scope", "scope_id", "requests")
        assert Counter(found) == Counter(
            [
                ("overall", "", 2),
                ("runtime", "anthropic-direct", 2),
                *(("project", "crm", 1), ("project", "", 1)),
                *(("profile", "general", 1), ("profile", "", 1)),
                *(("creator", "ada", 1), ("creator", "", 1)),
                *(("model", "claude-sonnet-4-6", 1), ("model", "unheard-of:8b", 1)),
            ]
        )
        kept = DailyTaskSpend.objects.get(task_id=run.task_id)
        assert (kept.profile, kept.created_by, kept.requests) == ("general", "ada", 1)
        assert DailyTaskSpend.objects.count() == 2
