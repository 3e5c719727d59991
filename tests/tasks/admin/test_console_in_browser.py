"""The operator's jobs in a real browser: by the keyboard, live, and without a complaint of its console."""

from datetime import datetime, timedelta

import pytest

from tests import live
from tests.chromium import chromium, needs_chromium
from tests.tasks.admin.accessibility.pages import log_in, press, resize, tab

pytestmark = [
    pytest.mark.once,  # what a script does in a page is the same on every database
    pytest.mark.timeout(300),
    needs_chromium,
]

CARD = "document.querySelector('.st-approval:not([hidden])')?.dataset.request"
PLACE_OF_TODAY = """
(() => {
  const chart = Chart.getChart("costs-chart");
  const bars = chart.getDatasetMeta(0).data;
  const bar = bars[bars.length - 1];
  const box = chart.canvas.getBoundingClientRect();
  return [box.left + bar.x, box.top + (bar.y + bar.base) / 2];
})()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with live.site(tmp_path_factory.mktemp("site")) as running:
        running.serve()
        yield running


@pytest.fixture(scope="module")
def browser(site, tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("browser")) as running:
        log_in(site, running)
        resize(running, 1400, 900)
        yield running


def has(browser, expression):
    loaded = f"document.readyState === 'complete' && ({expression})"
    live.wait_for(lambda: browser.evaluate(loaded) is True)


def ask(site, action, title="Asks"):
    """Start a task whose agent asks, and return its request's id."""
    return site.pending(site.execute(f"ask: {action}", title=title))["id"]


def status(site, request):
    return site.client.get(f"/api/notifications/{request}").json()["status"]


def test_requests_are_decided_and_undone_by_the_keyboard(site, browser):
    first, second = ask(site, "write:/first.md"), ask(site, "write:/second.md")
    browser.open(f"{site.url}/admin/approvals/")
    assert browser.evaluate(CARD) == first
    press(browser, "a", 65)
    has(browser, f"{CARD} === '{second}'")
    press(browser, "u", 85)
    has(browser, f"{CARD} === '{first}'")
    assert status(site, first) == "pending"
    press(browser, "j", 74)
    has(browser, f"{CARD} === '{second}'")
    press(browser, "k", 75)
    has(browser, f"{CARD} === '{first}'")
    press(browser, "a", 65)
    has(browser, f"{CARD} === '{second}'")
    press(browser, "d", 68)
    has(browser, "document.activeElement.name === 'message'")
    browser.call("Input.insertText", text="Not there.")
    press(browser, "Enter", 13)  # which sends the first, too
    live.wait_for(lambda: status(site, first) == "allowed")
    live.wait_for(lambda: status(site, second) != "pending")
    assert browser.complaints == []


def test_numbers_list_and_decided_agree_at_once(site, browser):
    first, second = ask(site, "write:/one.md"), ask(site, "write:/two.md")
    browser.open(f"{site.url}/admin/approvals/?request={first}")
    numbers = (
        "[...document.querySelectorAll('[data-waiting-count], .st-badge')]"
        ".map((one) => one.textContent).join(' ')"
    )
    has(browser, f"{numbers} === '2 2'")
    press(browser, "a", 65)
    has(browser, f"{CARD} === '{second}'")
    assert browser.evaluate(numbers) == "1 1"
    browser.evaluate("document.getElementById('decided').click()")
    has(browser, "location.search === '?tab=decided'")
    assert browser.evaluate(
        "document.querySelector('.st-table').innerText.includes('one.md')"
    )
    assert status(site, first) == "allowed"
    has(browser, f"{numbers} === '1 1'")
    site.client.post(
        f"/api/tasks/{_task_of(site, second)}/respond",
        json={"notificationId": second, "behavior": "deny"},
    )


@pytest.mark.slow
def test_a_request_comes_by_itself_and_the_title_counts(site, browser):
    browser.open(f"{site.url}/admin/approvals/")
    has(browser, "document.body?.innerText.includes('Nothing waits for you')")
    request = ask(site, "write:/live.md")
    has(browser, f"{CARD} === '{request}'")
    has(browser, "document.title.startsWith('(1)')")
    browser.open(f"{site.url}/admin/tasks/project/")
    has(browser, "document.title.startsWith('(1)')")
    site.client.post(
        f"/api/tasks/{_task_of(site, request)}/respond",
        json={"notificationId": request, "behavior": "deny"},
    )


def _task_of(site, request):
    return site.client.get(f"/api/notifications/{request}").json()["taskId"]


def test_a_pattern_is_checked_while_it_is_typed(site, browser):
    request = ask(site, "write:/checked/a.md")
    browser.open(f"{site.url}/admin/approvals/?request={request}")
    press(browser, "A", 65)
    has(browser, "document.querySelector('.st-always').open")
    told = "document.querySelector('#pattern-told').innerText"
    has(browser, f"{told}.includes('would have covered')")
    browser.evaluate("document.querySelector('[name=own]').focus()")
    browser.call("Input.insertText", text="write:/elsewhere/*")
    has(browser, f"{told}.includes('does not cover')")
    has(browser, "document.querySelector('[value=always]').disabled")
    site.client.post(
        f"/api/tasks/{_task_of(site, request)}/respond",
        json={"notificationId": request, "behavior": "deny"},
    )


def test_the_overview_renews_itself(site, browser):
    browser.open(f"{site.url}/admin/")
    browser.evaluate("window.isSamePage = true")
    site.execute("fail: The rates are gone.", title="Fetch the rates")
    has(browser, "document.body?.innerText.includes('The rates are gone.')")
    assert browser.evaluate("window.isSamePage") is True
    assert browser.complaints == []


def test_a_press_on_a_bar_shows_that_day_and_that_model(site, browser):
    task = site.execute(
        "use: input=100000 output=9000 model=claude-sonnet-4-5 provider=anthropic",
        "finish: done",
    )
    site.wait_for_status(task, "completed")
    browser.open(f"{site.url}/admin/costs/")
    has(browser, "!!Chart.getChart('costs-chart')")
    x, y = browser.evaluate(PLACE_OF_TODAY)
    for kind in ("mousePressed", "mouseReleased"):
        browser.call(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            button="left",
            clickCount=1,
        )
    has(browser, "location.search.includes('model=claude-sonnet-4-5')")
    has(browser, "/from=(\\d{4}-\\d\\d-\\d\\d)&to=\\1/.test(location.search)")
    assert browser.complaints == []


def test_a_log_is_followed_in_turns_and_the_head_of_the_task_with_it(site, browser):
    task = site.execute(
        "say: I begin.",
        "ask: write:/x",
        "say: I go on.",
        "use: input=1000 output=10 model=claude-sonnet-4-5 provider=anthropic",
        "say: I end.",
        "finish: done",
    )
    request = site.pending(task)["id"]
    browser.open(f"{site.url}/admin/tasks/task/{task}/log/")
    has(browser, "document.querySelector('.st-log').innerText.includes('I begin.')")
    turns = browser.evaluate("document.querySelectorAll('.st-turn').length")
    _allow(site, request)
    text = "document.querySelector('.st-turn:nth-of-type({})')?.innerText ?? ''"
    has(browser, f"({text.format(turns + 1)}).includes('I end.')")
    of_first = browser.evaluate(text.format(turns))
    assert "I go on." in of_first
    assert "<$0.01" in of_first
    has(
        browser, "document.querySelector('.st-summary').innerText.includes('COMPLETED')"
    )
    numbers = "[...document.querySelectorAll('[data-sequence]')].map(row => row.dataset.sequence)"
    live_ones = browser.evaluate(numbers)
    browser.open(f"{site.url}/admin/tasks/task/{task}/log/")
    assert browser.evaluate(numbers) == live_ones
    assert browser.evaluate("document.querySelectorAll('.st-turn').length") == turns + 1
    assert browser.complaints == []


def _allow(site, request):
    site.client.post(
        f"/api/tasks/{_task_of(site, request)}/respond",
        json={"notificationId": request, "behavior": "allow"},
    )


def test_times_are_those_of_the_readers_zone(site, browser):
    task = site.execute("finish: done", title="Told in Tokyo")
    site.wait_for_status(task, "completed")
    browser.call("Emulation.setTimezoneOverride", timezoneId="Asia/Tokyo")
    try:
        browser.open(f"{site.url}/admin/tasks/task/{task}/log/")
        shown, utc, title = browser.evaluate(
            "(time => [time.textContent, time.dateTime, time.title])"
            "(document.querySelector('.st-turn summary time'))"
        )
        wanted = datetime.fromisoformat(utc) + timedelta(hours=9)
        assert shown == f"{wanted:%Y-%m-%d %H:%M:%S}"
        assert title == f"{shown} GMT+9"
        browser.open(f"{site.url}/admin/tasks/task/")
        ago = "document.querySelector('#result_list .field-updated time')"
        assert browser.evaluate(f"{ago}.textContent").endswith(("ago", "now"))
        assert browser.evaluate(f"{ago}.title").endswith("GMT+9")
    finally:
        browser.call("Emulation.setTimezoneOverride", timezoneId="")


def tab_to(browser, wanted):
    """Press Tab until the element of this selector has the focus."""
    for _ in range(90):
        tab(browser)
        if browser.evaluate(f"document.activeElement.matches({wanted!r})"):
            return
    raise AssertionError(f"Tab does not reach {wanted}")


def enter_content(browser):
    tab(browser)
    press(browser, "Enter", 13)  # past the navigation


def test_tasks_are_filtered_sorted_and_cancelled_by_the_keyboard(site, browser):
    for title in ("Keyed one", "Keyed two"):
        site.client.post("/api/tasks", json={"title": title})
    browser.open(f"{site.url}/admin/tasks/task/")
    enter_content(browser)
    tab_to(browser, "[name=created_by]")
    browser.call("Input.insertText", text="api")
    press(browser, "Enter", 13)
    has(browser, "location.search === '?created_by=api'")
    tab_to(browser, "nav [href*='status__exact=planned']")
    press(browser, "Enter", 13)
    has(browser, "location.search.includes('status__exact=planned')")
    assert "created_by=api" in browser.evaluate("location.search")
    tab_to(browser, "#result_list th [href*='o=']")
    press(browser, "Enter", 13)
    has(browser, "/[?&]o=-?\\d/.test(location.search)")
    tab_to(browser, "#result_list input.action-select")
    press(browser, " ", 32)
    tab_to(browser, "select[name=action]")
    browser.evaluate(
        "(one => { one.value = 'cancel_selected';"
        " one.dispatchEvent(new Event('change', {bubbles: true})) })(document.activeElement)"
    )
    tab_to(browser, "#changelist-actions button[type=submit]")
    press(browser, "Enter", 13)
    has(browser, "document.body?.innerText.includes('Cancel requested: 1 of 1')")
    assert browser.complaints == []


def test_what_is_alike_is_selected_by_one_box(site, browser):
    asked = [ask(site, f"write:/alike/{name}.md") for name in "ab"]
    lone = ask(site, "fetch:https://example.com/x")
    browser.open(f"{site.url}/admin/approvals/")
    enter_content(browser)
    tab_to(browser, "li[data-group] input")
    press(browser, " ", 32)
    chosen = "[...document.querySelectorAll('[name=_selected_action]:checked')].map(one => one.value)"
    assert browser.evaluate(chosen) == asked
    tab_to(browser, "button[value=deny_selected]")
    press(browser, "Enter", 13)
    for request in asked:
        live.wait_for(lambda request=request: status(site, request) == "denied")
    assert status(site, lone) == "pending"
    _allow(site, lone)
    assert browser.complaints == []


@pytest.mark.slow
def test_a_notification_tells_of_what_waits_where_that_is_allowed(site, browser):
    browser.call(
        "Browser.setPermission",
        permission={"name": "notifications"},
        setting="granted",
        origin=site.url,
    )
    browser.open(f"{site.url}/admin/tasks/project/")
    browser.evaluate(
        "window.told = [];"
        "window.Notification = class { static permission = 'granted';"
        " constructor(title, options) { told.push([title, options.body]) } };"
        "Object.defineProperty(document, 'hidden', { get: () => true }); 0"
    )
    live.wait_for(lambda: browser.evaluate("typeof told") == "object")
    request = ask(site, "write:/told.md")
    has(browser, "told.length === 1 && told[0][0] === 'An agent waits for you'")
    _allow(site, request)


def test_costs_are_filtered_and_read_as_a_table_by_the_keyboard(site, browser):
    task = site.execute(
        "use: input=1000 output=10 model=claude-sonnet-4-5 provider=anthropic",
        "finish: done",
    )
    site.wait_for_status(task, "completed")
    browser.open(f"{site.url}/admin/costs/")
    enter_content(browser)
    tab_to(browser, "nav [href*='by=runtime']")
    press(browser, "Enter", 13)
    has(browser, "location.search.includes('by=runtime')")
    enter_content(browser)
    tab_to(browser, "details summary")
    press(browser, "Enter", 13)
    has(
        browser,
        "document.querySelector('details[open] table')?.innerText.includes('Echo')",
    )
    tab_to(browser, "nav [href*='table=model']")
    press(browser, "Enter", 13)
    has(browser, "document.body?.innerText.includes('claude-sonnet-4-5')")
    assert browser.complaints == []


def test_the_audit_of_one_person_is_read_by_the_keyboard(site, browser):
    request = ask(site, "write:/audited.md", title="Audited")
    browser.open(f"{site.url}/admin/approvals/?request={request}")
    press(browser, "a", 65)
    audit = f"{site.url}/admin/tasks/auditentry/"
    browser.open(audit)  # leaving sends it
    live.wait_for(lambda: status(site, request) == "allowed")
    browser.open(audit)
    enter_content(browser)
    tab_to(browser, "#searchbar")
    browser.call("Input.insertText", text="Audited")
    press(browser, "Enter", 13)
    has(browser, "location.search.includes('q=Audited')")
    row = "document.querySelector('#result_list tbody tr')?.innerText"
    has(browser, f"{row}?.includes('respond')")
    assert "admin" in browser.evaluate(row)
    tab_to(browser, "#result_list tbody a")
    press(browser, "Enter", 13)
    has(browser, "document.body?.innerText.includes('write:/audited.md')")
    assert browser.complaints == []
