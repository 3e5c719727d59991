"""The definitions that ship, on the embedded model: a real one, without a key.

On scripts they run in `tests/agents/worker/test_workflows.py`.
"""

import pytest

from agents.providers import embedded
from tasks.workflows.examples import examples
from tests import live

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not embedded.is_installed(),
        reason="the embedded model is not installed: make run installs it",
    ),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    home = tmp_path_factory.mktemp("examples")
    with live.site(home, STAGENT_DEFAULT_RUNTIME="anthropic-direct") as running:
        del running.environment["ANTHROPIC_BASE_URL"]
        running.serve()
        yield running


def status(site, workflow_id):
    return site.client.get(f"/api/workflows/{workflow_id}/status").json()


def allow_what_waits(site, workflow_id):
    for step in status(site, workflow_id)["steps"]:
        if step["status"] == "waiting_approval":
            body = {"notificationId": step["notificationId"], "behavior": "allow"}
            site.client.post(f"/api/tasks/{step['taskId']}/respond", json=body)


@pytest.mark.parametrize("name", examples())
def test_each_example_completes(site, name):
    added = site.manage("workflows", "--example", name, "--execute")
    workflow_id = added.stdout.strip()

    def has_ended():
        allow_what_waits(site, workflow_id)
        return status(site, workflow_id)["status"] in {"completed", "failed"}

    live.wait_for(has_ended, seconds=800)
    found = status(site, workflow_id)
    assert found["status"] == "completed", found
    assert all(step["result"] for step in found["steps"])
