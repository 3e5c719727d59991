"""The operator's pages in a real browser: read at every width, and worked by the keyboard."""

import pytest

from tests import live
from tests.chromium import chromium, needs_chromium
from tests.tasks.admin.accessibility.pages import (
    SIZES,
    Pages,
    findings,
    log_in,
    press,
    resize,
    tab,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.once,
    pytest.mark.timeout(300),
    needs_chromium,
]

NAMES = [
    *("overview", "approvals", "costs", "requests", "request", "waiting task"),
    *("finished task", "log", "edit", "new task", "tasks", "workflow"),
]
# What is written past the edge of its cell stands over another's text.
OUTSIDE_THEIR_CELL = """
[...document.querySelectorAll("#result_list td, #result_list th, .st-table td, .st-fields dd")]
  .filter(cell => cell.getClientRects().length).flatMap(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    const [inner, outer] = [range.getBoundingClientRect(), cell.getBoundingClientRect()];
    const isOutside = inner.bottom > outer.bottom + 1 || inner.top < outer.top - 1
      || inner.right > outer.right + 1;
    return isOutside && cell.innerText.trim() ? [cell.innerText] : [];
  })
"""
# What a mouse does not reach where it is shown. Of a scrolled box, only what is in sight.
COVERED = """
(() => {
  const covered = new Set();
  const step = innerHeight / 3;
  for (let top = 0; top <= document.documentElement.scrollHeight; top += step) {
    scrollTo({ top, behavior: "instant" });
    for (const one of document.querySelectorAll("#main :is(a, button, input, textarea)")) {
      const box = one.getBoundingClientRect();
      if (!box.width || one.closest(".st-scroll, .st-log, .simplebar-wrapper") && innerWidth < 1000
          || one.type === "hidden" || !one.checkVisibility({ opacityProperty: true })) continue;
      const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
      if (x < 0 || y < 0 || x > innerWidth || y > innerHeight) continue;
      const found = document.elementFromPoint(x, y);
      // Beneath a head that stays: it is scrolled out from there.
      if (found?.closest(".st-head") && !one.closest(".st-head")) continue;
      if (found && !one.contains(found) && !found.contains(one) && !one.labels?.[0]?.contains(found))
        covered.add(`${one.outerHTML.slice(0, 120)} by ${found.outerHTML.slice(0, 120)}`);
    }
  }
  return [...covered];
})()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with live.site(tmp_path_factory.mktemp("site")) as running:
        running.serve()
        yield running


@pytest.fixture(scope="module")
def pages(site):
    return Pages(site).all()


@pytest.fixture(scope="module")
def browser(site, tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("browser")) as running:
        log_in(site, running)
        yield running


@pytest.fixture
def visit(site, pages, browser):
    def open_page(name, size=SIZES[0], scheme="light"):
        resize(browser, *size, scheme=scheme)
        browser.open(f"{site.url}{pages[name]}")
        live.wait_for(lambda: browser.evaluate("typeof Alpine") == "object")
        live.wait_for(
            lambda: browser.evaluate("!document.querySelector('html[x-cloak]')")
        )
        return browser

    return open_page


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]} px")
@pytest.mark.parametrize("name", NAMES)
def test_nothing_stands_over_anything(visit, name, size):
    browser = visit(name, size)
    assert browser.evaluate(OUTSIDE_THEIR_CELL) == []
    assert browser.evaluate(COVERED) == []
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_serious(visit, name, scheme):
    for size in (SIZES[0], SIZES[-1]):
        browser = visit(name, size, scheme)
        is_dark = browser.evaluate(
            "document.documentElement.className.includes('dark')"
        )
        assert is_dark == (scheme == "dark")
        assert findings(browser) == []


@pytest.mark.parametrize("name", NAMES)
def test_there_is_one_main_landmark(visit, name):
    assert visit(name).evaluate("document.querySelectorAll('main').length") == 1


def test_a_long_request_leaves_the_columns_their_width(visit):
    widths = visit("requests").evaluate(
        "Object.fromEntries([...document.querySelectorAll('#result_list tr:has(code) > *')]"
        ".map(cell => [cell.className.match(/field-\\w+/)?.[0], cell.offsetWidth]))"
    )
    assert widths["field-task_link"] >= 160
    assert widths["field-short_action"] >= 224
    assert widths["field-answers"] >= 60


def test_words_and_numbers_of_a_result_stay_whole(visit):
    for size in SIZES:
        heights = visit("finished task", size).evaluate(
            "[...document.querySelectorAll('.st-result td:not(:nth-child(6))')].map(cell => {"
            " const range = document.createRange(); range.selectNodeContents(cell);"
            " return new Set([...range.getClientRects()].map(one => one.top)).size })"
        )
        assert len(heights) == 50
        assert set(heights) == {1}


def test_the_keyboard_reaches_filters_and_the_first_answer(visit):
    browser = visit("requests")
    assert tab(browser) == "Skip to the content"
    press(browser, "Enter", 13)
    reached = [tab(browser) for _ in range(10)]
    assert any(text.startswith("Filters") for text in reached[:4]), reached
    assert "Allow" in reached, reached


def test_the_keyboard_opens_and_closes_the_filters(visit):
    browser = visit("requests")
    tab(browser)
    press(browser, "Enter", 13)
    while not tab(browser).startswith("Filters"):
        pass
    press(browser, "Enter", 13)
    inside = "!!document.activeElement.closest('#changelist-filter')"
    live.wait_for(lambda: browser.evaluate(inside))
    press(browser, "Escape", 27)
    live.wait_for(
        lambda: browser.evaluate("document.activeElement.matches('.st-filters')")
    )


def test_an_opened_select2_has_a_name(visit):
    browser = visit("new task")
    browser.evaluate("django.jQuery('#id_project').select2('open'); 0")
    live.wait_for(
        lambda: browser.evaluate(
            "!!document.querySelector('.select2-container--open [aria-label=Search]')"
        )
    )
    # A list that says "No results found" is select2's own, and no list of options to axe.
    found = [one.partition(":")[0] for one in findings(browser)]
    assert set(found) <= {"aria-required-children"}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]} px")
def test_the_keyboard_opens_the_navigation_and_the_account(visit, size):
    browser = visit("tasks", size)
    shown = "document.querySelector('#nav-sidebar').checkVisibility()"
    toggle = "Show or hide the navigation"
    was_shown = browser.evaluate(shown)
    for _ in range(60):
        tab(browser)
        if browser.evaluate("document.activeElement.ariaLabel") == toggle:
            break
    assert browser.evaluate("document.activeElement.ariaLabel") == toggle
    press(browser, "Enter", 13)
    live.wait_for(lambda: browser.evaluate(shown) is not was_shown)
    if was_shown:
        press(browser, "Enter", 13)
        live.wait_for(lambda: browser.evaluate(shown))
    browser.evaluate("document.querySelector('.st-account').focus()")
    press(browser, "Enter", 13)
    live.wait_for(
        lambda: browser.evaluate(
            'document.querySelector(\'[action$="/logout/"], [href$="/logout/"]\').checkVisibility()'
        )
    )


def test_a_list_that_is_not_counted_names_no_number(visit):
    assert "9999" not in visit("requests").evaluate("document.body.innerText")
