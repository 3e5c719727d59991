"""A live page whose server is gone says so, and no more once it answers again."""

import pytest

from tests import live
from tests.chromium import chromium, needs_chromium
from tests.tasks.admin.accessibility.pages import log_in

pytestmark = [
    pytest.mark.once,
    pytest.mark.timeout(300),
    needs_chromium,
]

BANNER = "document.querySelector('.st-server-gone')?.textContent ?? ''"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with live.site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def browser(tmp_path):
    with chromium(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("kind", ["workflow", "list"])
def test_a_page_says_that_its_server_is_gone_until_it_is_back(site, browser, kind):
    server = site.serve()
    log_in(site, browser)
    browser.open(site.url + _page_of(site, kind))
    assert browser.evaluate(BANNER) == ""
    live.kill(server)
    live.wait_for(lambda: "does not answer since" in browser.evaluate(BANNER))
    server = site.serve()
    live.wait_for(lambda: browser.evaluate(BANNER) == "")
    live.kill(server)


def _page_of(site, kind):
    if kind == "list":
        return "/admin/tasks/project/"
    steps = [{"id": "a", "name": "Draft", "prompt": "sleep: 60"}]
    body = {"name": "W", "definition": {"pattern": "sequence", "steps": steps}}
    workflow = site.client.post("/api/workflows", json=body).json()["id"]
    site.client.post(f"/api/workflows/{workflow}/execute")
    return f"/admin/tasks/workflow/{workflow}/change/"


def test_a_page_says_that_its_reader_is_logged_out(site, browser):
    site.serve()
    log_in(site, browser)
    browser.open(f"{site.url}/admin/")
    browser.call("Network.clearBrowserCookies")
    live.wait_for(lambda: "You are logged out" in browser.evaluate(BANNER))
