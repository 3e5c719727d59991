"""Every sample of the API's documentation runs against a fresh server with its example."""

import json
import shutil
import subprocess

import pytest

from tests.contract.playing import (
    ANALYSIS,
    HERE,
    PROJECT,
    create,
    execute,
    in_shell,
    play,
    report,
)

pytestmark = pytest.mark.once

CHROMIUM = shutil.which("chromium")

# --- Create, read, change ---------------------------------------------------------------


def test_the_quick_start(site):
    play(site, "quickStart")


def test_running_tasks_are_listed_by_urgency(site):
    project = site.client.post("/api/projects", json={"name": "Listed"}).json()["id"]
    for title, priority in (("Analyze Q4 revenue trends", 1), ("Urgent", 0)):
        task_id = create(site, title, priority=priority, projectId=project)
        report(site, task_id, "queued", "running")
    create(site, "Not running", projectId=project)
    play(site, "listRunning", **{"=proj-8f3a&": f"={project}&"})


def test_the_list_of_a_project_that_is_not_there_is_empty(site):
    play(site, "listOfAnUnknownProject")


def test_an_agent_gets_the_documents_of_its_task(site, model):
    play(site, "createWithDocuments")
    [task] = [
        task
        for task in site.client.get(f"/api/tasks?projectId={PROJECT}").json()
        if task["title"] == "Summarize meeting notes"
    ]
    report(site, task["id"], "queued")
    site.client.post(f"/api/tasks/{task['id']}/execute")
    site.wait_for_status(task["id"], "completed")
    sent = [json.dumps(request.body) for request in model.requests]
    assert any("meeting-transcript.txt" in body for body in sent)


def test_validation_errors_have_the_documented_form(site):
    play(site, "validationErrors")


def test_usage_is_shown_with_its_cost(site):
    task_id = execute(site, "Costs", projectId=PROJECT)
    site.wait_for_status(task_id, "completed")
    play(site, "usage", task_id)


def test_a_task_that_was_not_executed_has_no_usage(site):
    play(site, "noUsage", create(site))


def test_a_task_is_escalated_and_queued_in_one_request(site):
    play(site, "escalate", create(site))


def test_a_deleted_task_is_gone(site):
    play(site, "remove", create(site))


# --- Execute, resume, cancel --------------------------------------------------------------


def test_execute_is_accepted_and_goes_on_in_the_background(site):
    task_id = create(site)
    report(site, task_id, "queued")
    play(site, "executeAccepted", task_id)
    site.wait_for_status(task_id, "completed")


def test_execute_beyond_the_budget_is_a_429(site):
    site.client.post("/api/projects", json={"id": "proj-poor", "name": "Poor"})
    in_shell(
        site,
        "from ledger.models import Budget",
        "Budget.objects.create("
        "scope='project', scope_id='proj-poor', limit_microdollars=0)",
    )
    task_id = create(site, projectId="proj-poor")
    report(site, task_id, "queued")
    play(site, "executeBeyondTheBudget", task_id)
    assert site.task(task_id)["status"] == "queued"


def test_execute_of_a_planned_task_is_refused(site):
    play(site, "executePlanned", create(site))


def test_a_resumed_agent_goes_on_where_it_left_off(site, model):
    task_id = execute(site, "Fails once")
    site.wait_for_status(task_id, "failed")
    play(site, "resumeAccepted", task_id)
    site.wait_for_status(task_id, "completed")
    assert "Analyzing quarterly trends..." in json.dumps(model.history)


def test_at_the_resume_limit_the_task_is_queued_again(site):
    task_id = execute(site, "Fails")
    for _ in range(3):
        site.wait_for_status(task_id, "failed")
        play(site, "resumeAccepted", task_id)
    site.wait_for_status(task_id, "failed")
    play(site, "resumeBeyondTheLimit", task_id)
    assert site.task(task_id)["status"] == "queued"


def test_a_runaway_task_is_cancelled(site):
    task_id = execute(site, "Runs away")
    site.wait_for_log(task_id, "Execution started")
    play(site, "cancel", task_id)
    site.wait_for_status(task_id, "cancelled")


# --- Permissions --------------------------------------------------------------------------


def test_what_is_always_allowed_is_not_asked_again(site):
    task_id = execute(site, "Writes", projectId=PROJECT)
    notification_id = site.pending(task_id)["id"]
    play(site, "respond", task_id, **{"notif-456": notification_id})
    assert site.wait_for_status(task_id, "completed")["result"] == "Written."

    later = execute(site, "Writes again", projectId=PROJECT)
    assert site.wait_for_status(later, "completed")["result"] == "Written."
    asked = [
        site.client.get(f"/api/notifications?taskId={each}").json()
        for each in (task_id, later)
    ]
    assert [len(requests) for requests in asked] == [1, 0]


def test_a_second_answer_is_a_409(site):
    site.client.post("/api/projects", json={"id": "proj-other", "name": "Other"})
    task_id = execute(site, "Writes elsewhere", projectId="proj-other")
    notification_id = site.pending(task_id)["id"]
    play(site, "respondTwice", task_id, **{"notif-456": notification_id})


# --- Output, logs, origin -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "rendered"),
    [
        (ANALYSIS, f"markdown {json.dumps(ANALYSIS)}"),
        ('{"revenue": 23}', 'json {"revenue":23}'),
        ("def total(rows):\n    return sum(rows)\n", "code "),
        ("Revenue grew.", 'text "Revenue grew."'),
    ],
)
def test_output_is_rendered_by_its_content_type(site, result, rendered):
    task_id = create(site)
    report(site, task_id, "queued", "running", "completed", result=result)
    assert play(site, "output", task_id).startswith(rendered)


def test_a_log_is_followed_to_its_end(site):
    task_id = execute(site, "Analyze Q4 revenue trends")
    play(site, "logs", task_id)
    site.wait_for_status(task_id, "completed")


@pytest.mark.skipif(
    CHROMIUM is None, reason="install Chromium (Debian: apt-get install chromium)"
)
def test_a_browser_follows_a_log_and_does_not_come_back_for_ever(site):
    task_id = execute(site, "Analyze Q4 revenue trends")
    done = subprocess.run(
        ["node", "browser.mjs", CHROMIUM, site.url, task_id],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["ids"] == list(range(1, len(list(site.follow(task_id))) + 1))
    assert seen["statuses"] == [200, 204]


def test_a_task_made_by_hand_has_no_parent(site):
    printed = play(site, "provenance", create(site))
    assert printed == "Source: manual\nParent: null"


@pytest.fixture(scope="module")
def steps(site) -> list[str]:
    """Tasks of one run of a workflow, which only the server's own code makes."""
    ids = [create(site, title) for title in ("Collect", "Analyze", "Report")]
    report(site, ids[0], "queued", "running", "completed")
    report(site, ids[1], "queued", "running")
    in_shell(
        site,
        "from uuid import uuid4",
        "from tasks.models import Task, Workflow",
        "workflow = Workflow.objects.create(name='Quarterly report')",
        f"Task.objects.filter(pk__in={ids!r}).update("
        "workflow=workflow, workflow_run=uuid4())",
    )
    return ids


def test_a_workflow_is_the_parent_of_its_steps(site, steps):
    source, parent = play(site, "provenance", steps[0]).splitlines()
    assert source == "Source: workflow"
    assert len(parent.removeprefix("Parent: ")) == 36
    assert site.task(steps[0])["workflowName"] == "Quarterly report"


def test_siblings_are_the_other_steps(site, steps):
    assert play(site, "siblings", steps[2]).splitlines() == [
        "✓ Collect (completed)",
        "⟳ Analyze (running)",
    ]
    assert play(site, "siblings", steps[0]).splitlines()[-1] == "○ Report (planned)"


def test_a_task_of_no_workflow_has_no_siblings(site):
    assert play(site, "siblings", create(site)) == ""
