"""What the tests of the samples do with a server."""

import json
import subprocess
from pathlib import Path

from tests import live

HERE = Path(__file__).parent
PROJECT = "proj-8f3a-4b2c"  # the example's
ANALYSIS = "## Q4 Revenue Analysis\n\nRevenue grew 23% QoQ..."


def play(site: live.Site, sample: str, task_id: str = "", **replaced: str) -> str:
    """Run a sample as it is published, on this server and this task."""
    texts = {
        "http://localhost:3000": site.url,
        "task-9d4e-a1b2": task_id,
        **replaced,
    }
    done = subprocess.run(
        ["node", "run.mjs", sample, json.dumps(texts)],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def create(site: live.Site, title: str = "A task", **fields: object) -> str:
    body = {"title": title, "assignedAgent": "claude-code", **fields}
    created = site.client.post("/api/tasks", json=body)
    assert created.status_code == 201, created.text
    return created.json()["id"]


def report(site: live.Site, task_id: str, *statuses: str, **fields: str) -> None:
    """Drive a task by hand."""
    for status in statuses:
        body = {"status": status, **(fields if status == statuses[-1] else {})}
        moved = site.client.patch(f"/api/tasks/{task_id}", json=body)
        assert moved.status_code == 200, moved.text


def execute(site: live.Site, title: str, **fields: object) -> str:
    return site.execute(title=title, assignedAgent="claude-code", **fields)


def in_shell(site: live.Site, *lines: str) -> None:
    done = site.manage("shell", "-v0", "-c", "\n".join(lines))
    assert done.returncode == 0, done.stderr
