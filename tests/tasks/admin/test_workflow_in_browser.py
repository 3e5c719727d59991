"""The page of a workflow in a real browser: it checks what is written, and renews itself."""

import json

import pytest

from tests import live
from tests.chromium import chromium, needs_chromium
from tests.tasks.admin.accessibility.pages import log_in
from tests.tasks.assist.answers import answer
from tests.tasks.workflows.running import step

pytestmark = [
    pytest.mark.once,
    needs_chromium,
]

TYPE = """(text) => {
    const area = document.querySelector("textarea[name=definition]");
    area.value = text;
    area.dispatchEvent(new Event("input", {bubbles: true}));
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with live.site(tmp_path_factory.mktemp("workflows")) as running:
        running.serve()
        yield running


@pytest.fixture
def browser(site, tmp_path):
    with chromium(tmp_path) as opened:
        log_in(site, opened)
        yield opened
        # It asks whether to leave, as Unfold has it; nobody has clicked in this window.
        refused = [one for one in opened.complaints if "beforeunload" not in one]
        assert refused == []


def create(site, *steps, pattern="sequence"):
    definition = {"pattern": pattern, "steps": list(steps)}
    body = {"name": "W", "definition": definition}
    return site.client.post("/api/workflows", json=body).json()["id"]


def shows(browser, selector, text):
    found = browser.evaluate(
        f"[...document.querySelectorAll({json.dumps(selector)})]"
        ".map((one) => one.textContent).join(' ')"
    )
    return text in found


def type_definition(browser, text):
    browser.evaluate(f"({TYPE})({json.dumps(text)})")


def test_what_is_written_is_checked_drawn_and_kept(site, browser):
    url = f"{site.url}/admin/tasks/workflow/add/"
    browser.open(url)
    live.wait_for(lambda: shows(browser, ".st-check", "Nothing is wrong with it."))
    live.wait_for(lambda: shows(browser, ".st-check-graph svg", "Publish"))

    type_definition(browser, '{"pattern": "sequence", "steps": []}')
    live.wait_for(lambda: shows(browser, ".st-check", "at least one step"))
    assert not shows(browser, ".st-check-graph", "Publish")

    browser.open(url)  # as if the page was left, or the login had run out
    live.wait_for(lambda: shows(browser, "#workflow-check button", "Bring back"))
    browser.evaluate("document.querySelector('#workflow-check button').click()")
    live.wait_for(lambda: shows(browser, ".st-check", "at least one step"))


SAVE = "document.querySelector('[name=_save]').click()"
NAME = "document.querySelector('[name=name]').value = 'Saved'"


def test_what_was_saved_is_not_offered_again(site, browser):
    url = f"{site.url}/admin/tasks/workflow/add/"
    browser.open(url)
    steps = [step("a", name="Only this")]
    type_definition(browser, json.dumps({"pattern": "sequence", "steps": steps}))
    browser.evaluate(f"{NAME}; {SAVE}")
    live.wait_for(lambda: shows(browser, "#workflow-sections", "Only this"))
    browser.open(url)
    live.wait_for(lambda: shows(browser, ".st-check", "Nothing is wrong with it."))
    assert not shows(browser, "#workflow-check button", "Bring back")


def test_notes_outlive_a_refusal(site, browser):
    browser.open(f"{site.url}/admin/tasks/workflow/add/")
    browser.evaluate(
        "document.getElementById('workflow-notes').value = 'Look, then write'"
    )
    type_definition(browser, "{")
    browser.evaluate(f"{NAME}; {SAVE}")
    live.wait_for(lambda: browser.evaluate("!!document.querySelector('.errornote')"))
    live.wait_for(
        lambda: (
            browser.evaluate("document.getElementById('workflow-notes').value")
            == "Look, then write"
        )
    )


def test_the_graph_follows_a_run_until_a_person_has_allowed_its_end(site, browser):
    workflow_id = create(
        site, step("a", prompt="sleep: 1\nfinish: x"), step("b", requiresApproval=True)
    )
    site.client.post(f"/api/workflows/{workflow_id}/execute")
    browser.open(f"{site.url}/admin/tasks/workflow/{workflow_id}/change/")
    live.wait_for(lambda: shows(browser, ".st-request", "Start the step"))
    assert shows(browser, '[data-state="completed"]', "A")

    browser.evaluate("document.querySelector('.st-allow').click()")
    live.wait_for(lambda: shows(browser, '[data-state="completed"]', "B"))
    assert browser.evaluate("location.pathname") == (
        f"/admin/tasks/workflow/{workflow_id}/change/"
    )


def test_a_suggestion_is_written_into_the_form(site, browser):
    said = json.dumps(answer({"title": "Read"}, {"title": "Write"}))
    browser.open(f"{site.url}/admin/tasks/workflow/add/")
    live.wait_for(lambda: shows(browser, ".st-check", "Nothing is wrong with it."))
    browser.evaluate(
        f"document.getElementById('workflow-notes').value = {json.dumps('finish: ' + said)}"
    )
    browser.evaluate("document.querySelector('#workflow-suggest button').click()")
    live.wait_for(lambda: shows(browser, "#workflow-suggest", "It is in the form"))
    live.wait_for(lambda: shows(browser, ".st-check-graph svg", "Write"))
    assert browser.evaluate("document.querySelector('input[name=assist]').value")
