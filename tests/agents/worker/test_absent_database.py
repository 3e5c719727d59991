"""PostgreSQL is stopped while runs are in the middle: what they have is kept until it is back."""

import pytest

from tests import live
from tests.agents.runtimes.drivers import DRIVERS
from tests.agents.runtimes.drivers.base import Tokens, Turn
from tests.agents.runtimes.drivers.direct import ANTHROPIC
from tests.servers.postgresql import cluster
from tests.servers.threaded import threaded

pytestmark = pytest.mark.slow

ANSWER = Turn("Revenue grew.", tokens=Tokens(3_000, 0, 0, 20))


@pytest.fixture(scope="module")
def database():
    with cluster() as server:
        yield server


@pytest.fixture
def driver(request):
    return getattr(request, "param", ANTHROPIC)


@pytest.fixture
def model(driver):
    with threaded(driver.server(ANSWER)) as server:
        server.may_answer.clear()
        yield server


@pytest.fixture
def site(driver, model, database, tmp_path):
    environment = driver.environment(model.url) | {"DATABASE_URL": database.new()}
    with live.site(tmp_path, **environment) as running:
        running.manage("migrate", "-v", "0")
        running.daphne()
        yield running


def runs(site):
    """Return the status of each attempt."""
    return [
        row[0] for row in site.rows("SELECT status FROM tasks_run ORDER BY attempt")
    ]


def booked(site):
    return [row[0] for row in site.rows("SELECT input_tokens FROM ledger_ledgerentry")]


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda one: one.name, indirect=True)
def test_an_answer_that_comes_meanwhile_is_kept(driver, site, model, database):
    site.start("manage.py", "runagents", STAGENT_LEASE_SECONDS="60")
    site.execute(title="A task", assignedAgent=driver.name)
    live.wait_for(lambda: model.requests)
    database.stop()
    model.may_answer.set()
    live.wait_for(lambda: model.answered)
    database.start()
    live.wait_for(lambda: runs(site) == ["completed"])
    assert booked(site) == [3_000]
    assert len(model.requests) == 1


def test_so_is_one_that_waits_to_be_written_for_longer_than_the_lease(
    site, model, database
):
    site.worker()
    task_id = site.execute(title="A task", assignedAgent="anthropic-direct")
    live.wait_for(lambda: model.requests)
    database.stop()
    model.may_answer.set()
    live.wait_for(lambda: "Leases have run out" in site.output)
    database.start()
    live.wait_for(lambda: runs(site)[-1:] == ["completed"])
    assert "lost" not in runs(site)
    assert set(booked(site)) == {3_000}
    assert len(booked(site)) == len(model.requests)
    assert "worker died" not in str(list(site.follow(task_id)))


def test_no_death_is_claimed_however_often_the_database_goes(site, model, database):
    site.worker()
    site.execute(title="A task", assignedAgent="anthropic-direct")
    for absence in range(1, 4):
        live.wait_for(lambda seen=absence: len(model.requests) == seen)
        database.stop()
        live.wait_for(lambda seen=absence: site.output.count("run out") == seen)
        database.start()
    model.may_answer.set()
    live.wait_for(lambda: runs(site)[-1:] == ["completed"])
    assert runs(site) == ["handed_over"] * 3 + ["completed"]
