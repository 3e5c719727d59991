"""The log of a task in the admin: turns, filters, searches, earlier parts, and files."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from stagent.admin_theme import UNFOLD
from tasks.models import EventType, LogEntry, NewEntry
from tests.factories import TaskFactory
from tests.tasks.admin.pages import login_operator, page

pytestmark = pytest.mark.django_db

LOG = "tasks_task_log"


@pytest.fixture(autouse=True)
def layout(settings):
    settings.UNFOLD = UNFOLD


def write(task, *entries):
    LogEntry.objects.append(
        task.pk, *(NewEntry(kind, text, data) for kind, text, data in entries)
    )


def call(number, answer="Done.", *, is_error=False):
    facts = {"toolName": "write", "callId": f"call-{number}"}
    return [
        (EventType.TOOL_USE, f"write: /part{number}.py", facts),
        (EventType.TOOL_RESULT, answer, {**facts, "isError": is_error}),
    ]


def usage(cost):
    return (EventType.USAGE, "1,000 tokens", {"costMicros": cost})


def test_turns_end_with_what_they_cost_and_have_calls_with_their_results(admin_client):
    task = TaskFactory()
    write(
        task, (EventType.ASSISTANT, "I begin.", {}), *call(1), *call(2), usage(70_000)
    )
    write(task, (EventType.ASSISTANT, "I go on.", {}), usage(20_000))
    text = page(admin_client, LOG, task.pk)
    assert text.count('class="st-turn" data-cost') == 2
    first, second = text.split('class="st-turn" data-cost')[1:]
    assert "$0.07" in first
    assert "2 calls" in first
    assert first.count("Done.") == 2
    assert 'data-type="tool_result"' not in first
    assert "$0.02" in second


def test_a_result_whose_call_lies_before_stands_alone(admin_client):
    task = TaskFactory()
    write(task, call(1)[1])
    assert 'data-type="tool_result"' in page(admin_client, LOG, task.pk)


def test_the_end_is_shown_and_what_came_before_is_fetched(admin_client):
    task = TaskFactory()
    write(task, *((EventType.ASSISTANT, f"entry {n}.", {}) for n in range(203)))
    text = page(admin_client, LOG, task.pk)
    assert "entry 202." in text
    assert "entry 2." not in text
    assert "3 earlier entries" in text
    assert text.index("entry 3.") < text.index("entry 202.")
    task.refresh_from_db()
    assert f'"after": {task.log_sequence}' in text
    assert f'"url": "/api/tasks/{task.pk}/logs"' in text
    earlier = page(admin_client, "tasks_task_log_part", task.pk, before=4)
    assert "entry 2." in earlier
    assert "entry 3." not in earlier
    assert "<html" not in earlier
    assert "entry 0." in page(admin_client, LOG, task.pk, at="first")


def test_it_is_filtered_and_searched(admin_client):
    task = TaskFactory()
    write(task, (EventType.ASSISTANT, "The needle.", {}), *call(1), usage(1))
    write(task, *call(2, "No such file.", is_error=True), (EventType.ERROR, "Bad.", {}))
    only_errors = page(admin_client, LOG, task.pk, errors="1")
    assert "No such file." in only_errors
    assert "Bad." in only_errors
    assert "The needle." not in only_errors
    of_type = page(admin_client, LOG, task.pk, type="assistant")
    assert "The needle." in of_type
    assert "Bad." not in of_type
    found = page(admin_client, LOG, task.pk, q="NEEDLE")
    assert "The needle." in found
    assert "Bad." not in found
    assert "No entry is like that." in page(admin_client, LOG, task.pk, q="hay")


def test_types_are_counted(admin_client):
    task = TaskFactory()
    write(task, *call(1), *call(2), usage(1))
    text = page(admin_client, LOG, task.pk)
    assert 'href="?type=tool_use"' in text
    assert "<span>2</span>" in text
    assert 'href="?type=thinking"' not in text


@pytest.mark.parametrize(
    "query",
    [{"before": "x"}, {"before": "9" * 30}, {"type": "colour"}, {"q": "\x00"}],
)
def test_any_address_shows_a_log(admin_client, query):
    assert "Search the log" in page(admin_client, LOG, TaskFactory().pk, **query)


def test_all_of_it_is_a_file(admin_client, monkeypatch):
    monkeypatch.setattr("tasks.admin.log_page.AT_ONCE", 2)
    task = TaskFactory()
    write(task, *call(1), *call(2, "two\nlines"), usage(1))
    url = reverse("admin:tasks_task_log_file", args=[task.pk])
    lines = admin_client.get(url).getvalue().decode().splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [1, 2, 3, 4, 5]
    text = admin_client.get(url, {"format": "txt"}).getvalue().decode()
    assert "tool_use" in text
    assert "two\n    lines" in text


def test_who_may_not_see_tasks_sees_no_log(client):
    login_operator(client, "view_project")
    task = TaskFactory()
    for name in (LOG, "tasks_task_log_part", "tasks_task_log_file"):
        assert client.get(reverse(f"admin:{name}", args=[task.pk])).status_code == 403


def test_what_hides_in_an_entry_is_named(admin_client):
    task = TaskFactory()
    write(task, (EventType.ASSISTANT, "a\u202eb <script>", {}))
    text = admin_client.get(reverse(f"admin:{LOG}", args=[task.pk])).content.decode()
    assert "U+202E" in text
    assert "&lt;script&gt;" in text


def test_a_strip_shows_where_the_time_went(admin_client):
    task = TaskFactory()
    began = timezone.now() - timedelta(minutes=5)

    def at(seconds, kind, data):
        moment = began + timedelta(seconds=seconds)
        entry = NewEntry(kind, "x", data)
        LogEntry.objects.append(task.pk, entry, at=moment)

    at(0, EventType.ASSISTANT, {})
    at(2, EventType.TOOL_USE, {"callId": "1"})
    at(3, EventType.PERMISSION_REQUEST, {"notificationId": "a"})
    at(63, EventType.PERMISSION_RESPONSE, {"notificationId": "a"})
    at(68, EventType.TOOL_RESULT, {"callId": "1"})
    at(70, EventType.USAGE, {"costMicros": 40_000})
    at(75, EventType.ASSISTANT, {})
    at(80, EventType.USAGE, {"costMicros": 20_000})
    text = page(admin_client, LOG, task.pk)
    assert "model 4.0 s, tools 6.0 s, waiting for a person 60.0 s" in text
    assert "model 5.0 s, tools 0.0 s" in text
    assert "up to $0.06" in text
    assert "st-strip" not in page(admin_client, LOG, task.pk, errors="1")
