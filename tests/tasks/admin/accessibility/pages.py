"""The operator's pages with much on them, and what is measured of them in a real browser."""

import base64
from pathlib import Path

from tests import live
from tests.chromium import Chromium
from tests.npm import require_packages

FOLDER = Path(__file__).parent
SIZES = [(1400, 900), (900, 900), (390, 844)]
COMMAND = (
    "run:curl -fsSL https://api.example.com/v2/prices?currency=EUR&"
    + "token=abcdefgh" * 10
    + " -o /tmp/prices.json"
)
TABLE = "# Report\n\n|Name|Mail|Sum|Day|State|Note|\n|-|-|-:|-|-|-|\n" + "\n".join(
    f"|Account {n:03} GmbH & Co. KG|owner{n}@example.com|{n + 13461:,}|2027-03-{n:02}"
    "|green|Wants SSO and an audit log before renewal; asked twice in the last call|"
    for n in range(10, 20)
)


class Pages:
    """Addresses of pages on a site, by what is on them."""

    def __init__(self, site: live.Site) -> None:
        self.site = site
        self.waiting = site.execute(
            f"ask: {COMMAND}", title="Fetch exchange rates and update the model"
        )
        for number in range(4):
            site.execute(
                f"ask: write:/src/part{number}.py",
                title=f"Write part {number} of the three reports",
            )
        self.done = site.execute("finish: done", title="Is done")
        site.wait_for_status(self.done, "completed")
        site.execute_sql(
            f"UPDATE tasks_task SET result = '{TABLE}' WHERE title = 'Is done'"
        )
        self.request = site.pending(self.waiting)["id"]
        self.workflow = _workflow_that_waits(site)

    def all(self) -> dict[str, str]:
        return {
            "overview": "/admin/",
            "requests": "/admin/tasks/permissionrequest/",
            "approvals": "/admin/approvals/",
            "costs": "/admin/costs/",
            "log": f"/admin/tasks/task/{self.done}/log/",
            "edit": f"/admin/tasks/task/{self.done}/edit/",
            "request": f"/admin/tasks/permissionrequest/{self.request}/change/",
            "waiting task": f"/admin/tasks/task/{self.waiting}/change/",
            "finished task": f"/admin/tasks/task/{self.done}/change/",
            "new task": "/admin/tasks/task/add/",
            "tasks": "/admin/tasks/task/",
            "workflow": f"/admin/tasks/workflow/{self.workflow}/change/",
        }


def _workflow_that_waits(site: live.Site) -> str:
    """Start a workflow with a step in each state, and wait until it asks for approval."""
    steps = [
        {"id": "a", "name": "Collect the figures", "prompt": "finish: x"},
        {"id": "b", "name": "Check them", "prompt": "fail: no", "dependsOn": ["a"]},
        {"id": "c", "name": "Sum up", "prompt": "finish: x", "dependsOn": ["b"]},
        {"id": "d", "name": "Publish", "prompt": "finish: x", "requiresApproval": True},
    ]
    body = {"name": "Report", "definition": {"pattern": "parallel", "steps": steps}}
    workflow_id: str = site.client.post("/api/workflows", json=body).json()["id"]
    site.client.post(f"/api/workflows/{workflow_id}/execute")

    def states() -> set[str]:
        found = site.client.get(f"/api/workflows/{workflow_id}/status").json()
        return {step["status"] for step in found["steps"]}

    live.wait_for(lambda: {"failed", "waiting_approval", "completed"} <= states())
    return workflow_id


def log_in(site: live.Site, browser: Chromium) -> None:
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


def resize(
    browser: Chromium, width: int, height: int, *, scheme: str = "light"
) -> None:
    browser.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=height,
        deviceScaleFactor=1,
        mobile=False,
    )
    browser.call(
        "Emulation.setEmulatedMedia",
        features=[{"name": "prefers-color-scheme", "value": scheme}],
    )


def press(browser: Chromium, key: str, code: int) -> None:
    text = {"text": "\r"} if key == "Enter" else {}
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key=key,
            code=key,
            windowsVirtualKeyCode=code,
            **text,
        )


def tab(browser: Chromium) -> str:
    """Press Tab and return the text of what is focused then."""
    press(browser, "Tab", 9)
    return browser.evaluate(
        "(at => (at.innerText || at.getAttribute('aria-label') || at.name || at.tagName)"
        ".trim())(document.activeElement)"
    )


def findings(browser: Chromium) -> list[str]:
    """Return what axe-core calls serious or critical on the page, each with an element."""
    require_packages(FOLDER)
    script = (FOLDER / "node_modules/axe-core/axe.min.js").read_text()
    browser.evaluate(f"{script}; 0")
    return browser.evaluate(
        "axe.run().then(found => found.violations"
        ".filter(one => ['serious', 'critical'].includes(one.impact))"
        ".flatMap(one => one.nodes.map(node => `${one.id}: ${node.html.slice(0, 150)}"
        " (${node.any.map(any => any.message).join('; ').slice(0, 160)})`)))"
    )


def screenshot(browser: Chromium, file: Path) -> None:
    data = browser.call("Page.captureScreenshot", format="png")["data"]
    file.write_bytes(base64.b64decode(data))
