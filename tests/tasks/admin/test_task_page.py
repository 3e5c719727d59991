"""A task's page in the admin: written, read, deleted."""

from html import unescape

import pytest
from django.urls import reverse

from tasks.models import EventType, LogEntry, Run, Status, Task
from tests.factories import (
    DocumentFactory,
    LogEntryFactory,
    PermissionRequestFactory,
    RunFactory,
    TaskFactory,
)
from tests.ledger.factories import LedgerEntryFactory, UnknownUsageFactory
from tests.tasks.admin.pages import login_operator, page, select

pytestmark = pytest.mark.django_db

PAGE = "tasks_task_change"
FORM = {
    "title": "Analyze Q4",
    "description": "Say what changed.",
    "priority": "1",
    "project": "",
    "assigned_agent": "",
    "agent_profile": "",
    "max_turns": "",
    "max_budget_usd": "",
}


def test_a_task_is_created_by_the_user(admin_client):
    document = DocumentFactory()
    form = {
        **FORM,
        "documents": [document.pk],
        "assigned_agent": "ollama",
        "max_turns": "7",
        "max_budget_usd": "0.25",
    }
    admin_client.post(reverse("admin:tasks_task_add"), form)
    task = Task.objects.get()
    assert (task.created_by, task.status) == ("admin", Status.PLANNED)
    assert (task.assigned_agent, task.max_turns) == ("ollama", 7)
    assert task.max_budget_microdollars == 250_000
    assert list(task.documents.all()) == [document]


def test_save_and_execute_starts_what_was_saved(admin_client):
    url = reverse("admin:tasks_task_add")
    assert "Save and execute" in page(admin_client, "tasks_task_add")
    response = admin_client.post(url, {**FORM, "_execute": "1"}, follow=True)
    assert "Started: Analyze Q4." in response.content.decode()
    task = Task.objects.get()
    assert task.status == Status.RUNNING
    other = TaskFactory()
    admin_client.post(
        reverse(f"admin:{PAGE}", args=[other.pk]), {**FORM, "_execute": "1"}
    )
    other.refresh_from_db()
    assert (other.title, other.status) == ("Analyze Q4", Status.RUNNING)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": ""}, "required"),
        ({"max_budget_usd": "0"}, "greater than or equal"),
        ({"max_turns": "0"}, "greater than or equal to 1"),
        ({"agent_profile": "nobody"}, "not one of the available choices"),
        ({"assigned_agent": "nobody"}, "not one of the available choices"),
    ],
)
def test_a_task_that_means_nothing_is_refused(admin_client, change, message):
    response = admin_client.post(reverse("admin:tasks_task_add"), {**FORM, **change})
    assert message in unescape(response.content.decode())
    assert not Task.objects.exists()


def test_a_profile_that_does_not_suit_the_agent_is_refused(admin_client, home):
    profile = home / "profiles" / "coder.toml"
    profile.parent.mkdir()
    profile.write_text(
        'name = "Coder"\ndescription = "Codes."\ninstructions = "Code."\n'
        'runtimes = ["claude-code"]\n'
    )
    form = {**FORM, "assigned_agent": "ollama", "agent_profile": "coder"}
    response = admin_client.post(reverse("admin:tasks_task_add"), form)
    assert "Profile Coder does not support Ollama" in response.content.decode()


def test_saving_writes_only_what_was_edited(admin_client):
    task = TaskFactory(title="Old", max_budget_microdollars=1_500_000)
    form = {
        **FORM,
        "title": "New",
        "description": "",
        "priority": "2",
        "max_budget_usd": "1.50",
    }
    Task.objects.filter(pk=task.pk).update(priority=2)

    # What a worker does while the form is open, and as if in the midst of saving.
    original = Task.save

    def save(self, **kwargs):
        Task.objects.filter(pk=self.pk).update(status=Status.QUEUED, log_sequence=9)
        original(self, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "save", save)
        admin_client.post(reverse(f"admin:{PAGE}", args=[task.pk]), form)
    task.refresh_from_db()
    assert (task.title, task.status, task.log_sequence) == ("New", Status.QUEUED, 9)
    assert task.max_budget_microdollars == 1_500_000


def test_deleting_stops_the_run_and_removes_the_log(admin_client):
    run = RunFactory(status=Run.Status.RUNNING)
    LogEntryFactory(task=run.task, run_id=run.pk)
    url = reverse("admin:tasks_task_delete", args=[run.task.pk])
    assert run.task.title in admin_client.get(url).content.decode()
    admin_client.post(url, {"post": "yes"})
    assert not Task.objects.exists()
    assert not LogEntry.objects.exists()


def test_selected_tasks_are_deleted(admin_client):
    tasks = [RunFactory().task, TaskFactory()]
    select(admin_client, "task", "delete_selected", *tasks, post="yes")
    assert not Task.objects.exists()


def test_a_page_shows_runs_costs_and_the_result(admin_client):
    run = RunFactory(
        status=Run.Status.FAILED,
        worker="laptop-1",
        error="No credit.",
        traceback="line 88",
    )
    Task.objects.update(
        result="# Heading\n\n- <script>x</script>\n- ![](http://evil/?q)\n"
    )
    LedgerEntryFactory(task_id=run.task.pk, run_id=run.pk)
    LedgerEntryFactory(task_id=run.task.pk, run_id=run.pk, usage=UnknownUsageFactory())
    response = admin_client.get(reverse(f"admin:{PAGE}", args=[run.task.pk]))
    text = response.content.decode()
    for shown in (
        "laptop-1",
        "No credit.",
        "line 88",
        "unheard-of:8b",
        "$0.006 + unknown",
    ):
        assert shown in text
    assert "<h1>Heading</h1>" in text
    assert "<script>x" not in text
    assert "<img src" not in text


def test_a_page_shows_the_end_of_the_log_and_where_the_rest_is(admin_client):
    task = TaskFactory()
    for number in range(203):
        LogEntryFactory(task=task, message=f"entry {number}.")
    text = page(admin_client, PAGE, task.pk)
    assert "entry 202." in text
    assert "entry 2." not in text
    assert "3 earlier entries" in text
    rest = page(admin_client, "tasks_logentry_changelist", task__id__exact=task.pk)
    assert "entry 202." in rest
    assert text.index("entry 3.") < text.index("entry 202.")
    assert f'"after": {task.log_sequence}' in text
    assert f'"url": "/api/tasks/{task.pk}/logs"' in text


def test_a_page_takes_the_same_queries_however_much_happened(
    admin_client, django_assert_max_num_queries, django_assert_num_queries
):
    run = RunFactory(status=Run.Status.COMPLETED)

    def happen():
        LogEntryFactory(
            task=run.task, event_type=EventType.TOOL_USE, data={"toolInput": {}}
        )
        LedgerEntryFactory(task_id=run.task.pk, run_id=run.pk)
        PermissionRequestFactory(run=run)

    happen()
    page(admin_client, PAGE, run.task.pk)
    with django_assert_max_num_queries(20) as first:
        page(admin_client, PAGE, run.task.pk)
    for _ in range(10):
        happen()
    with django_assert_num_queries(len(first)):
        page(admin_client, PAGE, run.task.pk)


def test_the_sections_are_served_alone_for_the_script(admin_client, client):
    task = TaskFactory(result="done", status=Status.COMPLETED)
    url = reverse("admin:tasks_task_sections", args=[task.pk])
    text = admin_client.get(url).content.decode()
    for name in ("summary", "waiting", "result", "runs", "costs"):
        assert f'data-section="{name}"' in text
    assert "<html" not in text
    login_operator(client, "view_project")
    assert client.get(url).status_code == 403
    client.logout()
    assert client.get(url).status_code == 302


def test_a_schema_that_is_none_is_told_and_what_was_written_stays(admin_client):
    url = reverse("admin:tasks_task_add")
    for text, told in (
        ("{", "no JSON"),
        ("[]", "an object"),
        ('{"type": "x"}', "type"),
    ):
        data = {"title": "Count", "priority": "2", "output_schema": text}
        page = admin_client.post(url, data).content.decode()
        assert told in page
        assert not Task.objects.exists()
    admin_client.post(url, {**data, "output_schema": ' {"type": "object"} '})
    assert Task.objects.get().output_schema == '{"type": "object"}'
