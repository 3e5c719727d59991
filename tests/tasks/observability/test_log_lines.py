"""The log in JSON: one object a line, with the ids of what it is about and without credentials."""

import json
import logging
import sys

import pytest

from tasks.observability import credentials, log_context
from tasks.observability.log_lines import JsonFormatter
from tests import live

pytestmark = pytest.mark.slow

formatter = JsonFormatter()


def line(message, *values, exc_info=None, **extra):
    record = logging.LogRecord(
        "tasks.x", logging.WARNING, __file__, 1, message, values, exc_info
    )
    record.__dict__.update(extra)
    text = formatter.format(record)
    assert "\n" not in text
    return json.loads(text)


def test_an_event_is_one_line_whatever_it_says():
    said = line("a\nb %s", "c", count=3)
    assert said["message"] == "a\nb c"
    assert (said["level"], said["logger"]) == ("WARNING", "tasks.x")
    assert said["count"] == 3
    assert said["time"].endswith("+00:00")


def test_a_traceback_is_in_the_line():
    try:
        raise ValueError("as asked")
    except ValueError:
        said = line("It failed", exc_info=sys.exc_info())
    assert "ValueError: as asked" in said["traceback"]


def test_credentials_are_hidden_also_where_json_would_escape_them(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", 'a"quoted\\key-of-24-chars')
    credentials._secrets.cache_clear()
    try:
        said = line("key %s", 'a"quoted\\key-of-24-chars', url="http://u:p@host/")
    finally:
        monkeypatch.undo()
        credentials._secrets.cache_clear()
    assert said["message"] == "key ***"
    assert said["url"] == "http://***@host/"


def test_what_no_json_holds_is_written_as_text():
    assert line("x", thing={1, 2})["thing"] in {"{1, 2}", "{2, 1}"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"abc-123", True),
        (b"0f8fad5b-d9cb-469f-a165-70867728950e", True),
        (b"", False),
        (b"a b", False),
        (b'"}\n{', False),
        (b"\xff", False),
        (b"x" * 129, False),
    ],
)
def test_a_client_names_its_request_as_far_as_a_line_can_hold_it(sent, kept):
    taken = log_context.request_id_of([(b"x-request-id", sent)])
    assert (taken.encode() == sent) is kept
    assert taken.isascii()
    assert taken


def test_real_processes_log_requests_and_runs_with_their_ids(tmp_path):
    with live.site(tmp_path, STAGENT_LOG_FORMAT="json") as site:
        assert site.manage("migrate", "-v0").returncode == 0
        site.daphne("-v", "0")  # without its own log of requests
        site.worker()
        task_id = site.queue("say: hello", "finish: made it")
        answer = site.client.post(
            f"/api/tasks/{task_id}/execute", headers={"X-Request-ID": "from-a-client"}
        )
        assert answer.headers["X-Request-ID"] == "from-a-client"
        unnamed = site.client.get("/health/live").headers["X-Request-ID"]
        site.wait_for_status(task_id, "completed")
        live.wait_for(lambda: "Run ends." in site.output)
        lines = [json.loads(text) for text in site.output.splitlines()]
    assert len(unnamed) == 32
    (request,) = [one for one in lines if one.get("request_id") == "from-a-client"]
    assert (request["task_id"], request["status"]) == (task_id, 202)
    assert request["method"] == "POST"
    begins, ends = (one for one in lines if one["logger"] == "agents.runs")
    assert begins["task_id"] == ends["task_id"] == task_id
    assert begins["run_id"] == ends["run_id"]
    assert begins["worker"] == ends["worker"] != ""
    assert ends["outcome"] == "completed"


def test_a_format_that_is_none_is_refused(tmp_path):
    with live.site(tmp_path, STAGENT_LOG_FORMAT="xml") as site:
        refused = site.manage("check")
    assert refused.returncode == 1
    assert "STAGENT_LOG_FORMAT is line or json; got 'xml'." in refused.stderr
