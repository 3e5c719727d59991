"""Compiled statements do what the ORM's own would, compiled but once."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from ledger.models import DailySpend, LedgerEntry, Reservation
from stagent.database.compiled import (
    CompiledDelete,
    CompiledInsert,
    CompiledObjects,
    CompiledQuery,
    CompiledUpdate,
)
from tests.ledger.factories import LedgerEntryFactory, ReservationFactory

pytestmark = pytest.mark.django_db

MOMENT = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
OTHER = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(params=["returning", "an older SQLite"])
def database(request, monkeypatch):
    """This one, and one that cannot return what it wrote."""
    if request.param == "an older SQLite":
        if connection.vendor != "sqlite":
            pytest.skip("PostgreSQL always could")
        monkeypatch.setattr(
            connection.features, "can_return_columns_from_insert", False
        )


def reservation(**fields):
    return Reservation(
        run_id=uuid4(),
        runtime="echo",
        amount_microdollars=5,
        reserved_at=MOMENT,
        **fields,
    )


def test_a_query_is_built_once_and_takes_other_values_each_time():
    built = []

    def build(task_id):
        built.append(task_id)
        return Reservation.objects.filter(task_id=task_id).values_list("runtime")

    query = CompiledQuery(build, task_id=UUID)
    for runtime in ("one", "two"):
        row = ReservationFactory(runtime=runtime)
        assert query.first(task_id=row.task_id) == (runtime,)
    assert len(built) == 1


def test_a_value_may_stand_in_several_places():
    row = ReservationFactory(runtime="same", project_id="same")
    ReservationFactory(runtime="same", project_id="other")
    query = CompiledQuery(
        lambda name: Reservation.objects.filter(
            runtime=name, project_id=name
        ).values_list("amount_microdollars"),
        name=str,
    )
    assert list(query.rows(name="same")) == [(row.amount_microdollars,)]


def test_rows_come_in_order_however_many_are_fetched_at_a_time():
    for amount in range(5):
        ReservationFactory(amount_microdollars=amount)
    query = CompiledQuery(
        lambda most: (
            Reservation.objects.filter(amount_microdollars__lte=most)
            .order_by("-amount_microdollars")
            .values_list("amount_microdollars")
        ),
        most=int,
    )
    assert list(query.rows(2, most=3)) == [(3,), (2,), (1,), (0,)]


def test_objects_are_those_that_the_orm_gives():
    entry = LedgerEntryFactory()
    by_key = CompiledObjects(
        lambda pk: LedgerEntry.objects.filter(pk=pk).order_by(), pk=int
    )
    found = by_key.first(pk=entry.pk)
    expected = LedgerEntry.objects.get(pk=entry.pk)
    names = [field.attname for field in LedgerEntry._meta.concrete_fields]
    assert [getattr(found, name) for name in names] == [
        getattr(expected, name) for name in names
    ]
    assert not found._state.adding
    assert by_key.first(pk=entry.pk + 1) is None


def test_refreshing_what_is_gone_raises():
    row = ReservationFactory()
    by_task = CompiledObjects(
        lambda task_id: Reservation.objects.filter(task_id=task_id), task_id=UUID
    )
    Reservation.objects.filter(pk=row.pk).update(amount_microdollars=1)
    by_task.refresh(row, task_id=row.task_id)
    assert row.amount_microdollars == 1
    Reservation.objects.all().delete()
    with pytest.raises(Reservation.DoesNotExist):
        by_task.refresh(row, task_id=row.task_id)


def test_an_update_takes_times_and_tells_how_many_rows_it_changed():
    row = ReservationFactory(amount_microdollars=5)
    update = CompiledUpdate(
        lambda task_id, by, at: (
            Reservation.objects.filter(task_id=task_id),
            {"amount_microdollars": F("amount_microdollars") - by, "reserved_at": at},
        ),
        task_id=UUID,
        by=int,
        at=datetime,
    )
    assert update(task_id=row.task_id, by=2, at=MOMENT) == 1
    assert update(task_id=uuid4(), by=2, at=MOMENT) == 0
    row.refresh_from_db()
    assert (row.amount_microdollars, row.reserved_at) == (3, MOMENT)


@pytest.mark.usefixtures("database")
def test_an_update_returns_what_it_made_of_a_row():
    rows = [ReservationFactory(amount_microdollars=amount) for amount in (5, 7)]
    add = CompiledUpdate(
        lambda pk, more: (
            Reservation.objects.filter(pk=pk),
            {"amount_microdollars": F("amount_microdollars") + more},
        ),
        pk=int,
        more=int,
    )

    def added(pk):
        return add.returning("amount_microdollars", key=pk, pk=pk, more=1)

    assert [added(row.pk) for row in (*rows, rows[0])] == [6, 8, 7]
    assert added(0) is None


def test_an_update_shows_the_row_as_it_is_then(database):
    row = reservation(task_id=uuid4())
    row.save()
    other = Reservation.objects.get(pk=row.pk)
    Reservation.objects.filter(pk=row.pk).update(runtime="other", reserved_at=OTHER)
    add = CompiledUpdate(
        lambda pk, least: (
            Reservation.objects.filter(pk=pk, amount_microdollars__gte=least),
            {"amount_microdollars": F("amount_microdollars") + 3},
        ),
        pk=int,
        least=int,
    )
    assert add.refresh(row, pk=row.pk, least=5)
    fresh = Reservation.objects.get(pk=row.pk)
    for field in Reservation._meta.concrete_fields:
        assert getattr(row, field.attname) == getattr(fresh, field.attname)
    assert (row.amount_microdollars, row.reserved_at) == (8, OTHER)
    # What was not changed is not looked at.
    assert not add.refresh(other, pk=row.pk, least=9)
    assert other.runtime == "echo"


def test_a_day_is_compared_as_a_day():
    DailySpend.objects.create(day=date(2026, 3, 1), scope="overall")
    query = CompiledQuery(
        lambda day: DailySpend.objects.filter(day__gte=day).values_list("scope"),
        day=date,
    )
    assert query.first(day=date(2026, 3, 1)) == ("overall",)
    assert query.first(day=date(2026, 3, 2)) is None


def test_an_insert_writes_rows_with_their_defaults():
    rows = [reservation(task_id=uuid4()) for _ in range(3)]
    insert = CompiledInsert(Reservation)
    insert(*rows)
    insert()
    written = Reservation.objects.order_by("pk")
    assert [row.task_id for row in written] == [row.task_id for row in rows]
    assert {(row.project_id, row.reserved_at) for row in written} == {("", MOMENT)}


def test_more_rows_than_a_statement_may_have_parameters_go_in_all_the_same():
    CompiledInsert(Reservation)(*(reservation(task_id=uuid4()) for _ in range(400)))
    assert Reservation.objects.count() == 400


def test_an_insert_heeds_the_constraints():
    row = ReservationFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        CompiledInsert(Reservation)(reservation(task_id=row.task_id))


@pytest.mark.usefixtures("database")
def test_a_row_is_inserted_unless_one_like_it_is_there():
    insert = CompiledInsert(Reservation)
    first = reservation(task_id=uuid4())
    assert insert.unless_there(first)
    assert Reservation.objects.get(pk=first.pk).task_id == first.task_id
    assert not insert.unless_there(reservation(task_id=first.task_id))
    assert Reservation.objects.count() == 1


def test_a_row_is_inserted_in_the_place_of_the_one_like_it():
    put = CompiledInsert(Reservation, replacing="task_id")
    first = reservation(task_id=uuid4())
    put(first)
    second = reservation(task_id=first.task_id)
    put(second)
    assert Reservation.objects.get().run_id == second.run_id


def test_a_delete_takes_what_fits_and_tells_how_many():
    kept, gone = ReservationFactory(), ReservationFactory()
    delete = CompiledDelete(
        lambda task_id: Reservation.objects.filter(task_id=task_id), task_id=UUID
    )
    assert (delete(task_id=gone.task_id), delete(task_id=gone.task_id)) == (1, 0)
    assert Reservation.objects.get() == kept


@pytest.mark.django_db
def test_a_value_that_the_statement_does_not_use_is_refused():
    unused = CompiledQuery(
        lambda day, limit: DailySpend.objects.filter(day=day).values_list("scope"),
        day=date,
        limit=int,
    )
    with pytest.raises(ValueError, match="limit"):
        unused.first(day=date(2026, 3, 1), limit=1)
