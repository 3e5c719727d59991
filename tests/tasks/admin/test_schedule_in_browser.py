"""The form of a schedule in a real browser: it tells while one writes, and shows what counts."""

import json

import pytest

from tests import live
from tests.chromium import chromium, needs_chromium
from tests.tasks.admin.accessibility.pages import log_in

pytestmark = [
    pytest.mark.once,
    needs_chromium,
]

WRITE = """(name, text) => {
    const field = document.querySelector(`[name=${name}]`);
    field.value = text;
    field.dispatchEvent(new Event("input", {bubbles: true}));
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with live.site(tmp_path_factory.mktemp("schedules")) as running:
        running.serve()
        yield running


@pytest.fixture
def browser(site, tmp_path):
    with chromium(tmp_path) as opened:
        log_in(site, opened)
        opened.open(f"{site.url}/admin/tasks/schedule/add/")
        yield opened
        assert opened.complaints == []


def write(browser, name, text):
    browser.evaluate(f"({WRITE})({json.dumps(name)}, {json.dumps(text)})")


def tells(browser, text):
    told = browser.evaluate("document.querySelector('.st-preview')?.textContent ?? ''")
    return text in told


def is_seen(browser, name):
    return browser.evaluate(
        f"document.querySelector('[name={name}]').closest('.field-{name}').offsetParent !== null"
    )


def test_the_next_times_are_told_while_one_writes(browser):
    write(browser, "interval", "every weekday at 9")
    live.wait_for(lambda: tells(browser, "Monday through Friday (UTC). Next: "))
    write(browser, "timezone", "Europe/Berlin")
    live.wait_for(lambda: tells(browser, "(Europe/Berlin)"))
    write(browser, "interval", "now and then")
    live.wait_for(lambda: tells(browser, "Cannot parse interval"))


def test_a_prompt_is_asked_for_a_task_and_not_for_a_workflow(browser):
    assert is_seen(browser, "prompt")
    assert not is_seen(browser, "workflow")
    browser.evaluate("document.querySelector('[name=starts][value=workflow]').click()")
    assert not is_seen(browser, "prompt")
    assert not is_seen(browser, "points")
    assert is_seen(browser, "workflow")
