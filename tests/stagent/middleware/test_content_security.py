"""What a browser may load and run: seen in a real one, on every kind of page of the admin."""

import pytest

from stagent.middleware.content_security import DATA, PAGE
from tests import live
from tests.chromium import chromium, needs_chromium

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with live.site(tmp_path_factory.mktemp("site")) as running:
        running.serve()
        yield running


def policy(site, path, **options):
    return site.client.get(path, **options).headers["Content-Security-Policy"]


def test_no_page_runs_what_is_written_into_it():
    scripts = next(part for part in PAGE.split("; ") if part.startswith("script-src"))
    assert "'unsafe-inline'" not in scripts
    assert "default-src 'none'" in PAGE


def test_pages_have_their_policy_and_all_else_is_in_a_sandbox(site):
    upload = {"file": ("evil.html", b"<script>alert(1)</script>", "text/html")}
    document = site.client.post("/api/documents", files=upload).json()
    download = site.client.get(document["url"])
    assert download.headers["Content-Security-Policy"] == DATA
    assert "sandbox" in DATA.split("; ")
    assert download.headers["X-Content-Type-Options"] == "nosniff"
    assert download.headers["Content-Disposition"].startswith("attachment")
    log = f"/api/tasks/{site.queue('finish: x')}/logs"
    with site.client.stream("GET", log) as stream:
        assert stream.headers["Content-Security-Policy"] == DATA
    for path in ("/api/tasks", "/api/nothing", "/static/tasks/icon.svg"):
        assert policy(site, path) == DATA
    assert policy(site, "/admin/login/") == PAGE
    assert policy(site, "/api/tasks", headers={"Host": "evil.example"}) == DATA


def log_in(site, browser):
    """Log in by the form, as a person does."""
    name, password = (site.home / "admin-login").read_text().split()
    browser.open(f"{site.url}/admin/login/")
    browser.evaluate(
        f"document.querySelector('[name=username]').value = {name!r};"
        f"document.querySelector('[name=password]').value = {password!r};"
        "document.querySelector('form').submit()"
    )
    live.wait_for(
        lambda: browser.evaluate("!location.pathname.includes('login')") is True
    )


def pages(site):
    """List a page of every kind, with something on it."""
    site.execute("ask: write:/x", title="Waits")
    task = site.execute("finish: **done** <b>x</b>", title="Is done")
    site.wait_for_status(task, "completed")
    asked = site.client.get("/api/notifications?status=pending").json()
    models = [
        *("task", "permissionrequest", "permissionrule", "project", "document"),
        *("run", "session", "logentry", "workflow", "schedule", "apitoken"),
    ]
    return [
        *("/admin/", f"/admin/tasks/task/{task}/change/"),
        *[f"/admin/tasks/task/{one['taskId']}/change/" for one in asked],
        *[f"/admin/tasks/{model}/" for model in models],
        *[f"/admin/tasks/{name}/add/" for name in ("task", "document", "apitoken")],
        *("/admin/tasks/permissionrule/add/", "/admin/ledger/budget/add/"),
        *("/admin/ledger/ledgerentry/", "/admin/ledger/budget/"),
        *("/admin/auth/user/", "/admin/auth/user/add/", "/admin/auth/group/add/"),
        *("/admin/password_change/", f"/admin/tasks/task/{task}/delete/"),
        f"/admin/tasks/task/{task}/history/",
    ]


@pytest.mark.slow
@needs_chromium
@pytest.mark.timeout(300)
def test_no_page_of_the_admin_breaks_the_policy(site, tmp_path):
    with chromium(tmp_path) as browser:
        log_in(site, browser)
        for path in pages(site):
            browser.open(f"{site.url}{path}")
            assert browser.evaluate("typeof Alpine") == "object", path
            assert browser.complaints == [], path


@needs_chromium
def test_what_an_attacker_writes_into_a_page_does_not_run(site, tmp_path):
    with chromium(tmp_path) as browser:
        browser.open(f"{site.url}/admin/login/")
        browser.evaluate(
            "window.ran = 0; document.body.insertAdjacentHTML('beforeend',"
            " '<img src=x onerror=\"window.ran = 1\">');"
            "const s = document.createElement('script'); s.textContent = 'window.ran = 2';"
            "document.body.append(s);"
        )
        live.wait_for(lambda: browser.evaluate("1") and len(browser.complaints) >= 2)
        assert browser.evaluate("window.ran") == 0
