"""A task's page in the admin: written, read, deleted."""

from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tasks.models import EventType, LogEntry, Run, Task
from tasks.models.permission import Decision
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
TABS = [
    PAGE,
    *(f"tasks_task_{name}" for name in ("log", "runs", "cost", "history", "edit")),
]
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
    assert (task.created_by, task.status) == ("admin", Task.Status.PLANNED)
    assert (task.assigned_agent, task.max_turns) == ("ollama", 7)
    assert task.max_budget_microdollars == 250_000
    assert list(task.documents.all()) == [document]


def test_save_and_execute_starts_what_was_saved(admin_client):
    url = reverse("admin:tasks_task_add")
    assert "Save and execute" in page(admin_client, "tasks_task_add")
    response = admin_client.post(url, {**FORM, "_execute": "1"}, follow=True)
    assert "Started: Analyze Q4." in response.content.decode()
    task = Task.objects.get()
    assert task.status == Task.Status.RUNNING
    other = TaskFactory()
    admin_client.post(
        reverse(f"admin:{PAGE}", args=[other.pk]), {**FORM, "_execute": "1"}
    )
    other.refresh_from_db()
    assert (other.title, other.status) == ("Analyze Q4", Task.Status.RUNNING)


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


def test_the_tasks_whose_files_it_begins_with_are_chosen(admin_client):
    first, last = TaskFactory.create_batch(2)
    url = reverse(f"admin:{PAGE}", args=[last.pk])
    refused = admin_client.post(url, {**FORM, "files_from": [str(last.pk)]})
    errors = refused.context["adminform"].form.errors
    assert errors == {"files_from": ["A task cannot begin with its own files."]}
    saved = admin_client.post(url, {**FORM, "files_from": [str(first.pk)]})
    assert saved.status_code == 302
    assert list(last.files_from.all()) == [first]


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
        Task.objects.filter(pk=self.pk).update(
            status=Task.Status.QUEUED, log_sequence=9
        )
        original(self, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "save", save)
        admin_client.post(reverse(f"admin:{PAGE}", args=[task.pk]), form)
    task.refresh_from_db()
    assert (task.title, task.status, task.log_sequence) == (
        "New",
        Task.Status.QUEUED,
        9,
    )
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
    runs = page(admin_client, "tasks_task_runs", run.task.pk)
    for shown in ("laptop-1", "No credit.", "line 88"):
        assert shown in runs
    costs = page(admin_client, "tasks_task_cost", run.task.pk)
    assert "unheard-of:8b" in costs
    assert ">$0.01+<" in costs
    assert "$0.006, and 1 requests whose price is unknown" in costs
    response = admin_client.get(reverse(f"admin:{PAGE}", args=[run.task.pk]))
    text = response.content.decode()
    assert "<h1>Heading</h1>" in text
    assert "<script>x" not in text
    assert "<img src" not in text


def test_the_head_says_why_with_what_and_of_which_limits(admin_client):
    run = RunFactory(
        task=TaskFactory(status=Task.Status.FAILED, max_turns=7, title="Analyze"),
        status=Run.Status.FAILED,
        error="The key was refused.",
        finished_at=timezone.now(),
    )
    LedgerEntryFactory(task_id=run.task_id, run_id=run.pk)
    for name in TABS:
        text = page(admin_client, name, run.task_id)
        for shown in (
            *("Analyze", "The key was refused.", "claude-sonnet-4-6"),
            *("$0.01", "of $2.00", "1 of 7", "Run again"),
            *("Not to be resumed", "no run of this task has reached a checkpoint"),
        ):
            assert shown in text


def test_each_tab_has_an_address_and_is_marked(admin_client):
    task = TaskFactory(title="Analyze", description="Say what changed.")
    for name in TABS:
        own = reverse(f"admin:{name}", args=[task.pk])
        assert f'<a href="{own}" aria-current="page">' in page(
            admin_client, name, task.pk
        )


def test_the_form_is_behind_edit(admin_client):
    task = TaskFactory()
    assert 'name="title"' not in page(admin_client, PAGE, task.pk)
    assert 'name="title"' in page(admin_client, "tasks_task_edit", task.pk)
    url = reverse("admin:tasks_task_edit", args=[task.pk])
    response = admin_client.post(url, FORM)
    assert response.headers["Location"] == reverse(f"admin:{PAGE}", args=[task.pk])
    task.refresh_from_db()
    assert task.title == "Analyze Q4"
    refused = admin_client.post(url, {**FORM, "title": ""})
    assert "required" in refused.content.decode()


def test_who_may_only_look_edits_nothing(client):
    login_operator(client, "view_task")
    task = TaskFactory()
    assert "Run again" not in page(client, PAGE, task.pk)
    url = reverse("admin:tasks_task_edit", args=[task.pk])
    assert client.post(url, FORM).status_code == 403
    login_operator(client, "view_project")
    for name in TABS:
        assert client.get(reverse(f"admin:{name}", args=[task.pk])).status_code == 403


def test_a_result_is_kept_as_a_file_and_read_raw(admin_client):
    task = TaskFactory(result="# Report\n\n- one", status=Task.Status.COMPLETED)
    url = reverse("admin:tasks_task_result", args=[task.pk])
    raw = admin_client.get(url)
    assert raw.content.decode() == task.result
    assert raw.headers["Content-Type"] == "text/plain; charset=utf-8"
    name = admin_client.get(f"{url}?file").headers["Content-Disposition"]
    assert name == f'attachment; filename="result-{task.pk}.md"'


def test_the_history_says_who_did_what(admin_client):
    run = RunFactory(task__created_by="ada", started_by="grace")
    asked = PermissionRequestFactory(run=run)
    asked.decide(Decision(is_allowed=True, by="linus"))
    admin_client.post(reverse("admin:tasks_task_edit", args=[run.task_id]), FORM)
    text = page(admin_client, "tasks_task_history", run.task_id)
    for shown in ("ada", "grace", "linus", "admin", "Created the task.", "title"):
        assert shown in text


def test_a_page_takes_the_same_queries_however_much_happened(admin_client):
    run = RunFactory(status=Run.Status.COMPLETED)

    def happen(count):
        last = Task.objects.get(pk=run.task_id).log_sequence
        LogEntry.objects.bulk_create(
            LogEntry(
                task=run.task,
                sequence=last + number + 1,
                event_type=EventType.TOOL_USE,
                message="write",
                data={"toolInput": {}, "callId": str(number)},
            )
            for number in range(count)
        )
        Task.objects.filter(pk=run.task_id).update(log_sequence=last + count)
        for _ in range(5):
            LedgerEntryFactory(task_id=run.task.pk, run_id=run.pk)
            PermissionRequestFactory(run=run)

    def queries(name):
        with CaptureQueriesContext(connection) as captured:
            page(admin_client, name, run.task_id)
        return len(captured)

    happen(100)
    queries(PAGE)
    first = [queries(name) for name in TABS]
    assert max(first) <= 20
    happen(9_900)
    assert [queries(name) for name in TABS] == first


def test_the_sections_are_served_alone_for_the_script(admin_client, client):
    task = TaskFactory(result="done", status=Task.Status.COMPLETED)
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
