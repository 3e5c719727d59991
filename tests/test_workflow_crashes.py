"""Workers are killed in the middle of a workflow: no step is lost, none is started twice."""

import random
import re
import subprocess

import pytest

from tests import live
from tests.live import ROOT
from tests.tasks.workflows.running import step

pytestmark = pytest.mark.slow

SLOW = ["say: begun", "sleep: 1.5", "finish: done"]


@pytest.fixture
def site(tmp_path):
    with live.site(tmp_path) as running:
        yield running


def execute(site, *steps, pattern="parallel"):
    body = {"name": "W", "definition": {"pattern": pattern, "steps": list(steps)}}
    created = site.client.post("/api/workflows", json=body)
    assert created.status_code == 201, created.text
    workflow_id = created.json()["id"]
    started = site.client.post(f"/api/workflows/{workflow_id}/execute")
    assert started.status_code == 202, started.text
    return workflow_id


def status(site, workflow_id):
    return site.client.get(f"/api/workflows/{workflow_id}/status").json()


def states(site, workflow_id):
    return [one["status"] for one in status(site, workflow_id)["steps"]]


def wait_for_completion(site, workflow_id):
    live.wait_for(
        lambda: status(site, workflow_id)["status"] in {"completed", "failed"}
    )
    found = status(site, workflow_id)
    assert found["status"] == "completed", found
    return found


def tasks_of(site, found):
    history = found["runHistory"][0]
    assert history["taskCount"] == history["completedCount"] == len(found["steps"])
    assert {one["attempt"] for one in found["steps"]} == {1}


def branches(count):
    names = [f"b{number}" for number in range(count)]
    each = [step(name, prompt="\n".join(SLOW)) for name in names]
    return [*each, step("last", dependsOn=names)]


def test_a_killed_server_goes_on_with_a_parallel_run(site):
    server = site.serve()
    workflow_id = execute(site, *branches(4))
    live.wait_for(lambda: states(site, workflow_id).count("running") == 4)
    live.kill(server)

    site.serve()
    tasks_of(site, wait_for_completion(site, workflow_id))


def test_workers_that_are_killed_again_and_again_start_no_step_twice(site):
    site.daphne()
    workers = [site.worker(), site.worker()]
    quick = [step(f"s{number}", prompt="sleep: 0.2\nfinish: x") for number in range(5)]
    workflows = [
        execute(site, *branches(3)),
        *(execute(site, *quick, pattern="sequence") for _ in range(4)),
    ]
    moments = random.Random(14)
    for _ in range(4):
        # Wherever they are then: between a decision and its rows, or in the middle of a run.
        ended = moments.randint(1, 4)
        done = sum(states(site, one).count("completed") for one in workflows)
        live.wait_for(
            lambda goal=done + ended: (
                sum(states(site, one).count("completed") for one in workflows)
                >= min(goal, 20)
            )
        )
        live.kill(workers.pop(0))
        workers.append(site.worker())
    for workflow_id in workflows:
        tasks_of(site, wait_for_completion(site, workflow_id))


def test_an_approval_outlives_every_process(site):
    server = site.serve()
    steps = [step("a"), step("b", requiresApproval=True)]
    workflow_id = execute(site, *steps, pattern="checkpoint")
    live.wait_for(
        lambda: states(site, workflow_id) == ["completed", "waiting_approval"]
    )
    live.kill(server)

    site.serve()
    task_id = status(site, workflow_id)["steps"][1]["taskId"]
    asked = site.pending(task_id)
    answer = {"notificationId": asked["id"], "behavior": "allow"}
    site.client.post(f"/api/tasks/{task_id}/respond", json=answer)
    tasks_of(site, wait_for_completion(site, workflow_id))


def run_snippet(site, snippet):
    """Run shell commands of the manual as they stand, against this site; return what they print."""
    script = snippet.replace("http://localhost:3000", site.url)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_manual_begins_with_a_workflow_that_runs(site):
    site.serve()
    manual = (ROOT / "docs" / "workflows.md").read_text()
    printed = run_snippet(site, manual.partition("```sh\n")[2].partition("```")[0])
    assert '"status":"completed"' in printed.splitlines()[-1]


def test_the_readme_makes_a_workflow_and_allows_its_last_step(site):
    site.serve()
    readme = (ROOT / "README.md").read_text()
    snippets = [part.partition("```")[0] for part in readme.split("```sh\n")[1:]]
    names = [
        line for line in snippets[0].splitlines() if re.match(r"(api|json)=", line)
    ]
    (of_workflows,) = [one for one in snippets if "$api/workflows" in one]
    run_snippet(site, "\n".join([*names, of_workflows]))
    (workflow,) = site.client.get("/api/workflows").json()
    tasks_of(site, wait_for_completion(site, workflow["id"]))


def test_a_definition_that_ships_is_added_and_runs(site):
    site.serve()
    added = site.manage(
        "workflows", "--example", "three_views_and_a_summary", "--execute"
    )
    assert added.returncode == 0, added.stderr
    wait_for_completion(site, added.stdout.strip())

    listed = site.manage("workflows").stdout
    assert "4 of 4" in listed
    assert "completed" in listed
