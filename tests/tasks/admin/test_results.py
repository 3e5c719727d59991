"""A task's page shows any result and any log in bounded time and size."""

import re

import pytest
from django.urls import reverse

from tasks.admin import display, results
from tests.factories import LogEntryFactory, TaskFactory
from tests.tasks.admin.pages import page

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(30)]

MARKDOWN = "# Report\n\n* first\n* second\n\n"
HOSTILE = {
    "195 kB of brackets": "[" * 195_000,
    "2 MB of brackets": "[" * 2_000_000,
    "2 MB of brackets in Markdown": MARKDOWN + "[" * 2_000_000,
    "2 MB of JSON": "[" + "1," * 1_000_000 + "1]",
    "2 MB of lines": MARKDOWN + "- a\n" * 500_000,
    "2 MB of one line": MARKDOWN + "**a " * 500_000,
    "2 MB of nothing to be seen": "\u202e\u200b" * 1_000_000,
    "2 MB of what is escaped": "<&" * 1_000_000,
    "a table of empty cells": MARKDOWN
    + "|a" * 5_000
    + "\n"
    + "|-" * 5_000
    + "\na" * 5_000,
    "brackets up to the limit": MARKDOWN + "![" * 19_000,
    "emphasis up to the limit": MARKDOWN + "*_" * 19_000,
    "links up to the limit": MARKDOWN + "[a](" * 9_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_page_is_there_at_once_whatever_the_result(admin_client, kind):
    task = TaskFactory(status="completed", result=HOSTILE[kind])
    shown = page(admin_client, "tasks_task_change", task.pk)
    assert "Result" in shown
    assert len(shown) < 20_000_000


def test_a_long_result_says_where_all_of_it_is(admin_client):
    task = TaskFactory(status="completed", result="x" * 200_001)
    shown = page(admin_client, "tasks_task_change", task.pk)
    assert "x" * 200_000 in shown
    assert "x" * 200_001 not in shown
    assert "The first 200,000 of 200,001 characters are shown" in shown
    assert reverse("task-output", args=[task.pk]) in shown
    whole = results.render("x" * 200_000, "/")
    assert "characters are shown" not in whole


def test_markdown_of_common_length_is_rendered():
    section = "## Title\n\nSome **strong** [words](https://a.example).\n\n|a|b|\n|-|-|\n|1|2|\n\n"
    text = (section * 400)[:39_000]
    assert "<strong>strong</strong>" in results.render(text, "/")
    assert "<td>2</td>" in results.render(text, "/")


def test_markdown_that_is_too_long_or_grows_is_shown_as_it_is_written():
    for text in (MARKDOWN + "a " * 20_000, HOSTILE["a table of empty cells"]):
        assert results.render(text, "/").startswith("<pre")


def test_a_long_entry_of_the_log_is_cut(admin_client):
    task = TaskFactory()
    message, output = "m" * 12_000, "o" * 13_000
    LogEntryFactory(task=task, message=message, data={"output": output})
    shown = page(admin_client, "tasks_task_log", task.pk)
    assert "m" * 10_000 in shown
    assert message not in shown
    assert "… 2,000 more characters" in shown
    assert output not in shown
    assert re.search(r"… 3,\d\d\d more characters", shown)


def test_characters_are_shown_as_before():
    shown = display.reveal("a<b\n\tc\u202ed\0é")
    assert shown == (
        "a&lt;b\n\tc"
        '<mark class="st-hidden" title="RIGHT-TO-LEFT OVERRIDE">U+202E</mark>'
        'd<mark class="st-hidden" title="control character">U+0000</mark>é'
    )
