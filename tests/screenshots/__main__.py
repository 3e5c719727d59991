"""Pictures of the operator's pages: `python -m tests.screenshots FOLDER [NAME …]`.

Of a site of its own, filled with a month of a small team, at three widths, light and dark.
A name is a page's (`costs`), or a page's with a look (`costs-dark`); without any, all are taken.
"""

import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from uuid import UUID

from tests import live
from tests.chromium import Chromium, chromium
from tests.tasks.admin.accessibility.pages import log_in, resize, screenshot

LOOKS = {
    "wide": (1400, 900, "light"),
    "dark": (1400, 900, "dark"),
    "middle": (900, 900, "light"),
    "phone": (390, 844, "light"),
}
TALLEST = 1400  # pixels
ASKED = [
    "run:git -C /srv/billing fetch origin && ./gradlew :billing:test --info | tail -40",
    "write:/reports/prices.md",
    "fetch:https://docs.example.com/billing/v3/webhooks?lang=en#retries",
]


def take(folder: Path, wanted: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        live.site(Path(home), is_new=True) as site,
    ):
        site.manage("migrate", "-v", "0")
        subprocess.run(
            [sys.executable, "-m", "tests.screenshots.fill"],
            env=site.environment,
            cwd=live.ROOT,
            check=True,
        )
        site.serve()
        pages = _pages(site)
        with chromium(Path(home)) as browser:
            log_in(site, browser)
            for name, look in product(pages, LOOKS):
                file = folder / f"{name}-{look}.png"
                if not wanted or name in wanted or file.stem in wanted:
                    _take(browser, f"{site.url}{pages[name]}", look, file)
            print(*browser.complaints, sep="\n")  # noqa: T201


def _pages(site: live.Site) -> dict[str, str]:
    titles = ["Test the billing branch", "Write the price report", "Read the manual"]
    for action, title in zip(ASKED, titles, strict=True):
        task = site.execute(
            "say: The branch is ready, so I run its tests before I go on.",
            f"ask: {action}",
            title=title,
            projectId="billing",
        )
        site.pending(task)
    long = site.rows(
        "SELECT id FROM tasks_task WHERE title = 'Move the invoices to the new schema'"
    )[0][0]
    task = f"/admin/tasks/task/{UUID(str(long))}"
    return {
        "overview": "/admin/",
        "costs": "/admin/costs/?by=model",
        "approvals": "/admin/approvals/",
        "task": f"{task}/change/",
        "log": f"{task}/log/",
        "tasks": "/admin/tasks/task/",
    }


def _take(browser: Chromium, url: str, look: str, file: Path) -> None:
    width, height, scheme = LOOKS[look]
    resize(browser, width, height, scheme=scheme)
    browser.open(url)
    live.wait_for(lambda: browser.evaluate("!document.querySelector('html[x-cloak]')"))
    tall = browser.evaluate("document.documentElement.scrollHeight")
    resize(browser, width, min(max(tall, height), TALLEST), scheme=scheme)
    browser.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    screenshot(browser, file)


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2:])
