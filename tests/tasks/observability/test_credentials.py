"""The password of a base URL is known to the provider's requests and to nobody else."""

import json
import logging
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings

from tasks import catalog, lifecycle
from tasks.models import LogEntry, Run, Task
from tasks.observability import credentials
from tests.agents.worker.test_loop import finished, working
from tests.factories import TaskFactory


@pytest.fixture
def environment(monkeypatch):
    """Set variables of the server; they are read once in its life."""

    def set_variables(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        credentials._secrets.cache_clear()

    yield set_variables
    monkeypatch.undo()
    credentials._secrets.cache_clear()


class NotFound(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_error(404, f"Nothing at http://ada:open%5Esesame@{self.path}")

    def log_message(self, format, *args):
        pass


@pytest.fixture
def address(environment):
    """A provider's address with a password, where no model is known."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), NotFound)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://ada:open%5Esesame@127.0.0.1:{server.server_port}"
    environment(
        ANTHROPIC_BASE_URL=address, OPENAI_BASE_URL=address, OLLAMA_HOST=address
    )
    yield address
    server.shutdown()
    server.server_close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("runtime", catalog.RUNTIME_NAMES)
async def test_no_runtime_writes_the_password_down(address, runtime):
    task = await sync_to_async(TaskFactory)(
        status=Task.Status.QUEUED, assigned_agent=runtime
    )
    async with working():
        await sync_to_async(lifecycle.start_run)(task, by="a test")
        done = await finished(task)
    assert done.status == Task.Status.FAILED
    run = await Run.objects.aget(task=task)
    told = [run.error, run.traceback]
    async for entry in LogEntry.objects.filter(task=task):
        told += [entry.message, json.dumps(entry.data)]
    assert len(told) > 2
    assert "sesame" not in str(told)


@pytest.mark.parametrize(
    ("variable", "value", "written"),
    [
        (
            "OPENAI_BASE_URL",
            "http://ada:s3cret@host/v1",
            "at http://ada:s3cret@host/v1",
        ),
        ("OPENAI_BASE_URL", "http://ada:p%5Ess@host", "at http://ada:p^ss@host/v1"),
        ("OPENAI_BASE_URL", "http://ada:p^ss@host", "at http://ada:p%5Ess@host/v1"),
        ("OPENAI_BASE_URL", "http://ada:p@ss@host", "at http://ada:p@ss@host/v1"),
        ("ANTHROPIC_BASE_URL", "https://token@host", "at https://token@host/v1"),
        ("OLLAMA_HOST", "ada:s3cret@host:1", "at http://ada:s3cret@host:1"),
        ("DATABASE_URL", "postgres://ada:s3cret@host/db", "at ada:s3cret@host"),
        ("OPENAI_API_KEY", "sk-0123456789abcdef", "Wrong key: sk-0123456789abcdef."),
    ],
)
def test_what_the_settings_hold_is_hidden(environment, variable, value, written):
    environment(**{variable: value})
    hidden = credentials.hide_credentials(written)
    for secret in ("s3cret", "p^ss", "p%5Ess", "token", "0123456789abcdef"):
        assert secret not in hidden
    assert hidden.startswith(written[:3])


def test_other_text_stays_as_it_is(environment):
    environment(
        OPENAI_BASE_URL="http://user:none@host", OPENAI_API_KEY="none", OLLAMA_HOST="h"
    )
    text = "The user says none of it: postgres://reader:public@example.com, a@b.org"
    assert credentials.hide_credentials(text) == text


def test_the_log_shows_no_password_of_any_url(environment):
    environment(OPENAI_API_KEY="sk-0123456789abcdef")
    line = settings.LOGGING["formatters"]["line"]
    formatter = credentials.Formatter(line["format"], style=line["style"])
    try:
        raise ValueError("No http://ada:s3cret@host/x?a=b@c for sk-0123456789abcdef")
    except ValueError as error:
        record = logging.LogRecord(
            "agents", logging.ERROR, __file__, 1, "%s", (error,), None
        )
        record.exc_info = (type(error), error, error.__traceback__)
    line = formatter.format(record)
    assert line.count("http://***@host/x?a=b@c for ***") > 1  # and in its traceback
    assert "s3cret" not in line
