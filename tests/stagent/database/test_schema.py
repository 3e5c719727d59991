"""Web and workers on a database whose tables are not those of their code."""

import pytest

from tests import live

pytestmark = pytest.mark.slow

DOORS = [
    ("manage.py", "runagents"),
    ("-m", "daphne", "-p", "0", "stagent.asgi:application"),
    ("-m", "uvicorn", "--port", "0", "stagent.asgi:application"),
]
# The tables that `migrate` leaves for the tasks app when it stops short of its last ones.
EARLIER = ("migrate", "-v0", "tasks", "0003")


@pytest.fixture
def site(tmp_path):
    with live.site(tmp_path) as running:
        yield running


def are_refused(site, reason):
    """Start all of them at once; each says why it ends."""
    processes = [site.start(*command) for command in DOORS]
    assert [process.wait(timeout=90) for process in processes] == [1] * len(DOORS)
    assert "Traceback" not in site.output
    return site.output.count(reason) == len(DOORS)


def test_they_refuse_one_that_lacks_migrations(site):
    assert site.manage(*EARLIER).returncode == 0
    lacking = "lacks migrations of this version (tasks.0004_list_orders"
    assert are_refused(site, lacking)
    assert "Run `manage.py migrate`, then start again." in site.output


def test_they_refuse_one_that_is_of_a_newer_version(site):
    site.execute_sql(
        "INSERT INTO django_migrations (app, name, applied)"
        " VALUES ('tasks', '0999_from_the_future', CURRENT_TIMESTAMP)"
    )
    assert are_refused(site, "does not know (tasks.0999_from_the_future)")


def test_a_column_that_comes_late_fails_no_task(site):
    site.daphne()
    task_id = site.execute("say: hello", "finish: made it")
    site.execute_sql("ALTER TABLE tasks_logentry RENAME COLUMN data TO data_later")
    site.worker()
    live.wait_for(lambda: "The database fails" in site.output)
    assert site.task(task_id)["status"] == "running"
    site.execute_sql("ALTER TABLE tasks_logentry RENAME COLUMN data_later TO data")
    assert site.wait_for_status(task_id, "completed")["result"] == "made it"
