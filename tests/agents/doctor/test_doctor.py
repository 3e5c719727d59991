"""What `manage.py doctor` finds amiss, and the cure that it names."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from uuid import uuid4

import pytest
from django.utils import timezone

from agents.doctor import place
from ledger.models import Reservation
from tasks.models import Leftover, Run, Task, WorkflowRun
from tests.factories import RunFactory, TaskFactory, WorkerFactory, WorkflowFactory
from tests.tasks.management.commands import manage

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(days=3)


@pytest.fixture(autouse=True)
def no_providers(monkeypatch):
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def provider():
    """A server that takes one key; `ahead` moves its clock."""

    class Handler(BaseHTTPRequestHandler):
        ahead = timedelta()

        def do_GET(self):
            is_known = self.headers.get("x-api-key") == "the-right-key-of-the-site"
            self.send_response_only(200 if is_known else 401)
            at = datetime.now(UTC) + type(self).ahead
            self.send_header("Date", format_datetime(at, usegmt=True))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    server.handler = Handler
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


def found():
    """Return {what: (state, message, cure)} of what is not fine."""
    return {
        one["what"]: (one["state"], one["message"], one["cure"])
        for one in manage("doctor", "--json").json
        if one["state"] != "ok"
    }


def test_a_site_that_is_well(monkeypatch, provider):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "the-right-key-of-the-site")
    WorkerFactory()
    result = manage("doctor")
    assert result.code == 0
    assert f"provider anthropic: {provider.url} answers" in result.out
    assert "rows: none is stuck" in result.out


def test_a_key_that_is_refused_and_is_not_shown(monkeypatch, provider):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-wrong-key-of-the-site")
    state, message, cure = found()["provider anthropic"]
    assert (state, "refuses the key (401)" in message) == ("failing", True)
    assert cure.startswith("Correct ANTHROPIC_API_KEY")
    assert "wrong-key" not in manage("doctor").out


def test_a_provider_that_is_not_there(monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "http://ada:secret-word@127.0.0.1:9")
    state, message, cure = found()["provider ollama"]
    assert (state, "127.0.0.1:9" in message) == ("failing", True)
    assert "secret-word" not in message
    assert "OLLAMA_HOST" in cure


def test_a_clock_that_is_wrong(monkeypatch, provider):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.url)
    provider.handler.ahead = timedelta(minutes=10)
    state, message, cure = found()["clock"]
    assert (state, "behind anthropic's" in message) == ("failing", True)
    assert "NTP" in cure


def test_a_disk_that_is_full(settings):
    settings.STAGENT_MIN_FREE_DISK_MB = 2**40
    state, _, cure = found()["disk"]
    assert (state, "manage.py prune" in cure) == ("failing", True)
    settings.STAGENT_MIN_FREE_DISK_MB = 0
    settings.STAGENT_COMMAND_FREE_DISK_MB = 2**40
    assert found()["disk"][0] == "warning"


def test_no_worker_is_at_work():
    assert found()["workers"][0] == "failing"
    assert manage("doctor").code == 1


def test_no_redis_where_one_is_named(settings):
    settings.REDIS_URL = "redis://:hidden-word@127.0.0.1:9/0"
    state, message, _ = found()["messages"]
    assert state == "failing"
    assert "hidden-word" not in message


def test_tables_of_another_version(monkeypatch):
    monkeypatch.setattr(place.schema, "mismatch", lambda: "The database lacks …")
    assert found() == {
        "database": (
            "failing",
            "The database lacks …",
            "Run `manage.py migrate`, and restart web and workers.",
        )
    }


def lost_run():
    RunFactory(status=Run.Status.RUNNING, lease_expires_at=timezone.now() - LONG_AGO)


def waiting_run():
    Run.objects.filter(pk=RunFactory().pk).update(queued_at=timezone.now() - LONG_AGO)


def task_of_no_run():
    TaskFactory(status="running", live_run=uuid4())


def due_workflow_run():
    WorkflowRun.objects.create(
        workflow=WorkflowFactory(),
        workflow_name="w",
        number=1,
        definition="{}",
        due_at=timezone.now() - LONG_AGO,
    )


def reservation():
    Reservation.objects.create(
        task_id=uuid4(),
        run_id=uuid4(),
        runtime="echo",
        amount_microdollars=1,
        reserved_at=timezone.now() - LONG_AGO,
    )


def leftover():
    Leftover.objects.create(task_id=uuid4(), due_at=timezone.now() - LONG_AGO)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lost_run, "1 runs whose worker is gone"),
        (waiting_run, "1 runs that wait for more than an hour"),
        (task_of_no_run, "1 running tasks whose run is over"),
        (due_workflow_run, "1 workflow runs that are due"),
        (reservation, "1 reservations of a budget"),
        (leftover, "1 folders of deleted tasks"),
    ],
)
def test_rows_that_are_stuck_are_named_with_the_cure(make, said):
    TaskFactory()
    RunFactory()  # queued just now
    make()
    state, message, cure = found()["rows"]
    assert (state, message.startswith(said)) == ("failing", True)
    assert cure
    assert Task.objects.exists()  # it changes nothing
