"""The page of a workflow: its graph, its steps, its runs, and what an operator does with it."""

import json

import pytest
from django.urls import reverse

from tasks.catalog.credentials import ANTHROPIC
from tasks.models import Task, Workflow
from tasks.workflows import control
from tasks.workflows.advance import sweep
from tests.factories import TaskFactory, WorkflowFactory
from tests.ledger.factories import LedgerEntryFactory
from tests.tasks.admin.pages import login_operator, page, press
from tests.tasks.workflows.running import begin, end, reread, step, task_of

pytestmark = pytest.mark.django_db

PARALLEL = [step("a"), step("b"), step("c", dependsOn=["a", "b"])]


def do(client, run, name):
    url = reverse("admin:tasks_workflow_do", args=[run.workflow_id, name])
    text = press(client, url)
    sweep()
    reread(run)
    return text


def form(workflow, **fields):
    return {"name": workflow.name, "definition": workflow.definition, **fields}


def test_the_graph_shows_each_step_in_the_colour_of_its_state(admin_client):
    run = begin(*PARALLEL, pattern="parallel")
    end(run, "a", Task.Status.FAILED)
    text = page(admin_client, "tasks_workflow_change", run.workflow_id)

    assert text.count('class="st-edge"') == 2
    for name, state in (
        ("A", "failed"),
        ("B", "running"),
        ("C", "waits for A, B"),
    ):
        assert f"<title>{name}: {state}</title>" in text
    assert 'data-state="failed"' in text
    assert reverse("admin:tasks_task_change", args=[task_of(run, "b").pk]) in text


def test_a_name_cannot_write_into_the_page(admin_client):
    run = begin(step("a", name="<script>x</script>"))
    url = reverse("admin:tasks_workflow_change", args=[run.workflow_id])

    assert b"<script>x" not in admin_client.get(url).content


def test_the_page_tells_what_each_run_has_cost(admin_client):
    run = begin(step("a"), step("b"))
    end(run, "a")
    for name in "ab":
        LedgerEntryFactory(task_id=task_of(run, name).pk)
    text = page(admin_client, "tasks_workflow_change", run.workflow_id)

    assert "$0.012" in text
    assert text.count("$0.006") == 2


def test_it_is_executed_paused_resumed_and_stopped_by_buttons(admin_client):
    run = begin(step("a"), step("b"))
    assert "Paused: no further step starts" in do(admin_client, run, "pause")
    assert run.workflow.status == Workflow.Status.PAUSED
    do(admin_client, run, "resume")
    assert run.workflow.status == Workflow.Status.ACTIVE
    do(admin_client, run, "stop")
    assert run.workflow.status == Workflow.Status.FAILED
    do(admin_client, run, "execute")
    assert run.workflow.status == Workflow.Status.ACTIVE
    assert run.workflow.run_number == 2


def test_what_does_not_fit_is_said(admin_client):
    run = begin(step("a"))

    assert "Only a paused workflow can be resumed" in do(admin_client, run, "resume")


def test_a_failed_step_is_retried_by_a_button(admin_client):
    run = begin(step("a"))
    end(run, "a", Task.Status.FAILED)
    url = reverse("admin:tasks_workflow_retry", args=[run.workflow_id])
    press(admin_client, url, step="a")
    sweep()

    assert reread(run).workflow.status == Workflow.Status.ACTIVE


def test_an_approval_is_answered_on_the_page(admin_client):
    run = begin(step("a", requiresApproval=True))
    text = page(admin_client, "tasks_workflow_change", run.workflow_id)
    assert "Start the step “A”" in text

    (request,) = task_of(run, "a").permission_requests.all()
    url = reverse("admin:tasks_permissionrequest_answer", args=[request.pk])
    assert url in text
    assert "Allow always" not in text
    answered = admin_client.post(url, {"decision": "allow", "next": "workflow"})
    assert answered.url == reverse(
        "admin:tasks_workflow_change", args=[run.workflow_id]
    )
    sweep()
    assert task_of(run, "a").status == Task.Status.RUNNING


def test_the_sections_are_renewed_alone(admin_client):
    run = begin(step("a"))
    text = page(admin_client, "tasks_workflow_sections", run.workflow_id)

    assert "data-live" in text
    assert "<html" not in text


# --- The editor ---------------------------------------------------------------------------


def test_what_is_written_is_checked_and_drawn(admin_client):
    url = reverse("admin:tasks_workflow_validate")
    good = json.dumps({"pattern": "sequence", "steps": [step("a"), step("b")]})
    answer = admin_client.post(url, {"definition": good}).json()
    assert answer["problems"] == []
    assert answer["graph"].startswith("<svg")

    bad = json.dumps({"pattern": "sequence", "steps": [step("a", dependsOn=["x"])]})
    answer = admin_client.post(url, {"definition": bad}).json()
    assert answer["problems"] == [
        "steps.0.dependsOn (“A”): There is no step with the id x"
    ]
    assert answer["graph"] == ""


def test_a_definition_that_is_wrong_is_refused_and_not_lost(admin_client):
    url = reverse("admin:tasks_workflow_add")
    text = '{"pattern": "sequence", "my notes": 1'
    answer = admin_client.post(url, {"name": "W", "definition": text})

    assert "The definition is not valid JSON" in answer.content.decode()
    assert "my notes" in answer.content.decode()
    assert not Workflow.objects.exists()


def test_a_new_one_begins_with_a_definition_that_runs(admin_client):
    text = page(admin_client, "tasks_workflow_add")
    assert '"pattern": "checkpoint"' in text


def test_an_edit_makes_it_a_draft_again(admin_client):
    run = begin(step("a"))
    end(run, "a")
    reread(run)
    url = reverse("admin:tasks_workflow_change", args=[run.workflow_id])
    press(admin_client, url, **form(run.workflow, name="Renamed"))

    assert reread(run).workflow.status == Workflow.Status.DRAFT
    assert run.workflow.name == "Renamed"


def test_while_it_is_in_hand_an_edit_is_refused_and_what_was_written_stays(
    admin_client,
):
    run = begin(step("a"))
    url = reverse("admin:tasks_workflow_change", args=[run.workflow_id])
    text = press(admin_client, url, **form(run.workflow, name="My long new name"))

    assert "stop it first" in text
    assert "My long new name" in text
    assert reread(run).workflow.status == Workflow.Status.ACTIVE


# --- Rights ---------------------------------------------------------------------------------


def test_who_may_only_look_finds_no_buttons_and_cannot_press_them(client):
    run = begin(step("a"))
    login_operator(client, "view_workflow")
    text = page(client, "tasks_workflow_change", run.workflow_id)
    assert "Pause" not in text
    for name in ("pause", "stop"):
        url = reverse("admin:tasks_workflow_do", args=[run.workflow_id, name])
        assert client.post(url).status_code == 403
    url = reverse("admin:tasks_workflow_retry", args=[run.workflow_id])
    assert client.post(url, {"step": "a"}).status_code == 403
    assert client.post(reverse("admin:tasks_workflow_validate")).status_code == 403


def test_an_active_one_is_not_deleted_a_paused_one_is(admin_client):
    run = begin(step("a"))
    url = reverse("admin:tasks_workflow_delete", args=[run.workflow_id])
    assert admin_client.post(url, {"post": "yes"}).status_code == 403
    control.pause(run.workflow, by="anna")
    admin_client.post(url, {"post": "yes"})

    assert not Workflow.objects.exists()


def test_a_workflow_of_old_has_a_page(admin_client):
    workflow = WorkflowFactory(definition="")

    assert "cannot be read" in page(admin_client, "tasks_workflow_change", workflow.pk)


# --- Suggested by a model ---------------------------------------------------------------------------


def test_who_may_start_tasks_can_have_one_suggested(client, admin_client):
    url = reverse("admin:tasks_workflow_add")
    assert b'data-url="/api/tasks/assist"' in admin_client.get(url).content
    login_operator(client, "add_workflow", "view_workflow")
    assert b"workflow-suggest" not in client.get(url).content


@pytest.mark.parametrize("is_assist", [True, False])
def test_a_suggested_workflow_names_the_assist_that_it_came_from(
    admin_client, is_assist
):
    task = TaskFactory(is_assist=is_assist)
    data = form(WorkflowFactory.build(), assist=str(task.pk))
    admin_client.post(reverse("admin:tasks_workflow_add"), data)
    assert Workflow.objects.get().assist == (task if is_assist else None)


def save(client, name="_save", **form):
    """Send the form of a new workflow; return where it leads."""
    definition = json.dumps({"pattern": "sequence", "steps": [step("a")]})
    form = {"name": "W", "definition": definition, name: "", **form}
    return client.post(reverse("admin:tasks_workflow_add"), form)


def test_after_saving_one_is_on_its_page(admin_client):
    answer = save(admin_client)
    workflow = Workflow.objects.get()
    own_page = reverse("admin:tasks_workflow_change", args=[workflow.pk])
    assert answer.url == own_page
    changed = {"name": "Other", "definition": workflow.definition, "_save": ""}
    assert admin_client.post(own_page, changed).url == own_page
    assert Workflow.objects.get().name == "Other"


def test_it_is_saved_and_executed_by_one_button(admin_client):
    assert "Save and execute" in page(admin_client, "tasks_workflow_add")
    answer = save(admin_client, "_execute")
    workflow = Workflow.objects.get()
    assert workflow.status == Workflow.Status.ACTIVE
    shown = admin_client.get(answer.url).content.decode()
    assert "Save and execute" not in shown


def test_a_step_that_ran_shows_on_what_and_its_result(admin_client):
    run = begin(step("a"), step("b", name="Publish"))
    task = task_of(run, "a")
    task.runs.update(runtime="ollama", profile="data-analyst")
    text = page(admin_client, "tasks_workflow_change", run.workflow_id)
    assert "Ollama, Data analyst" in text
    end(run, "a", result="The figures are up.\nBy a lot.")
    text = page(admin_client, "tasks_workflow_change", run.workflow_id)
    assert "The figures are up. …" in text


def test_steps_say_for_what_they_wait(admin_client):
    run = begin(step("a", name="Draft", requiresApproval=True), step("b"))
    text = page(admin_client, "tasks_workflow_change", run.workflow_id)
    assert "waits for you" in text
    assert "waits for Draft" in text
    assert "waiting dependencies" not in text


def test_who_has_no_key_is_told_before_asking(admin_client, monkeypatch, settings):
    settings.STAGENT_DEFAULT_RUNTIME = "anthropic-direct"
    for name in ANTHROPIC:
        monkeypatch.delenv(name, raising=False)
    shown = page(admin_client, "tasks_workflow_add")
    assert "what it says is nonsense" in shown
    assert "Anthropic API (embedded model)" in page(admin_client, "tasks_task_add")
    monkeypatch.setenv(ANTHROPIC[0], "key")
    assert "nonsense" not in page(admin_client, "tasks_workflow_add")
    assert "(embedded model)" not in page(admin_client, "tasks_task_add")
