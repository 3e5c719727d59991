"""The operator's list of tasks: what goes on, and what needs somebody."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ledger.admin.long_lists import LAST_PAGE
from stagent.admin_theme import UNFOLD
from tasks.models import Run, Status, Task
from tests.factories import (
    PermissionRequestFactory,
    ProjectFactory,
    RunFactory,
    TaskFactory,
)
from tests.ledger.factories import LedgerEntryFactory, UnknownUsageFactory, UsageFactory
from tests.tasks.admin.pages import page, select

pytestmark = pytest.mark.django_db

LIST = "tasks_task_changelist"


@pytest.fixture(autouse=True)
def layout(settings):
    settings.UNFOLD = UNFOLD


def test_the_list_tells_what_matters_of_a_task(admin_client):
    task = TaskFactory(
        title="Analyze",
        priority=0,
        project=ProjectFactory(name="Marketing"),
        assigned_agent="claude-code",
        agent_profile="data-analyst",
        status=Status.RUNNING,
    )
    PermissionRequestFactory(run=RunFactory(task=task, status=Run.Status.RUNNING))
    LedgerEntryFactory(
        task_id=task.pk, usage=UsageFactory(input_tokens=12_450, output_tokens=723)
    )
    text = page(admin_client, LIST)
    for shown in (
        "Analyze",
        "Running",
        "Waiting for you",
        "P0",
        "Marketing",
        "Claude Code",
        "Data analyst",
        "$0.048195",
        "now",
    ):
        assert shown in text


def test_a_cost_that_is_not_known_is_no_0(admin_client):
    task = TaskFactory()
    LedgerEntryFactory(task_id=task.pk, usage=UnknownUsageFactory())
    assert "unknown" in page(admin_client, LIST)
    LedgerEntryFactory(task_id=task.pk)
    assert "$0.01+" in page(admin_client, LIST)


def full_task():
    task = TaskFactory(project=ProjectFactory(), status=Status.RUNNING)
    PermissionRequestFactory(run=RunFactory(task=task, status=Run.Status.RUNNING))
    LedgerEntryFactory(task_id=task.pk)
    return task


def test_the_list_takes_as_many_queries_for_50_tasks_as_for_5(
    admin_client, django_assert_max_num_queries, django_assert_num_queries
):
    for _ in range(5):
        full_task()
    with django_assert_max_num_queries(12) as with_5:
        page(admin_client, LIST)
    for _ in range(45):
        full_task()
    with django_assert_num_queries(len(with_5)):
        text = page(admin_client, LIST)
    assert text.count('#waiting"') == 50


@pytest.mark.parametrize(
    "query",
    [
        {"status__exact": "failed"},
        {"priority": "0"},
        {"project__id__exact": "wanted"},
        {"assigned_agent": "ollama"},
        {"agent_profile": "researcher"},
        {"waiting": "yes"},
        {"q": "needle"},
        {"q": "hay"},
    ],
)
def test_the_list_is_filtered_and_searched(admin_client, query):
    wanted = TaskFactory(
        title="The needle",
        description="in the hay",
        status=Status.FAILED,
        priority=0,
        project=ProjectFactory(id="wanted"),
        assigned_agent="ollama",
        agent_profile="researcher",
    )
    run = RunFactory(task=wanted, status=Run.Status.FAILED)
    PermissionRequestFactory(run=run)
    other = TaskFactory(title="Another")
    text = page(admin_client, LIST, **query)
    assert str(wanted.pk) in text
    assert str(other.pk) not in text


def test_a_task_is_found_by_its_id(admin_client):
    wanted, other = TaskFactory(), TaskFactory()
    text = page(admin_client, LIST, q=str(wanted.pk))
    assert f"/{wanted.pk}/" in text
    assert f"/{other.pk}/" not in text


def test_empty_lists_say_what_to_do(admin_client):
    assert "No tasks yet" in page(admin_client, LIST)
    assert "Nothing matches" in page(admin_client, LIST, q="nowhere")


def test_a_search_for_text_looks_through_the_newest_rows_alone(
    admin_client, monkeypatch
):
    monkeypatch.setattr("ledger.admin.long_lists.SEARCHED_ROWS", 2)
    old, *_ = [TaskFactory(title=f"Report {number}") for number in range(3)]
    url = reverse("admin:tasks_task_changelist")
    found = admin_client.get(url, {"q": "Report"}).context["cl"].result_list
    assert [task.title for task in found] == ["Report 2", "Report 1"]
    by_id = admin_client.get(url, {"q": str(old.pk)}).context["cl"].result_list
    assert list(by_id) == [old]


def test_a_filter_without_an_index_looks_through_the_newest_rows_alone(
    admin_client, monkeypatch
):
    monkeypatch.setattr("ledger.admin.long_lists.SEARCHED_ROWS", 2)
    for _ in range(3):
        TaskFactory(assigned_agent="ollama", status="planned")
    url = reverse("admin:tasks_task_changelist")
    cases = {
        "resume_count": ("0", 2),
        "assigned_agent": ("ollama", 3),
        "status__exact": ("planned", 3),
    }
    for name, (value, number) in cases.items():
        found = admin_client.get(url, {name: value}).context["cl"].result_list
        assert len(found) == number


def test_no_page_is_deeper_than_the_last(admin_client):
    url = reverse("admin:tasks_task_changelist")
    assert admin_client.get(url, {"p": LAST_PAGE}).status_code == 200
    assert admin_client.get(url, {"p": LAST_PAGE + 1}).status_code == 302


@pytest.mark.parametrize("asked", ["1", "-2", "99", "x", "-3.2"])
def test_no_address_sorts_by_what_has_no_index(admin_client, asked):
    with CaptureQueriesContext(connection) as queries:
        page(admin_client, "tasks_task_changelist", o=asked)
    rows = [query["sql"] for query in queries if "LIMIT 5" in query["sql"]]
    orders = [sql.partition("ORDER BY")[2].replace('"', "") for sql in rows]
    assert orders
    assert not any("title" in order or "status" in order for order in orders)


def test_the_list_says_why_tasks_failed(admin_client):
    task = TaskFactory(status=Status.FAILED)
    RunFactory(task=task, status=Run.Status.FAILED, error="The key was refused.")
    assert "The key was refused." in page(admin_client, LIST)
    found = page(admin_client, LIST, q="key was")
    assert f"/{task.pk}/" in found


def test_tasks_are_found_by_the_beginning_of_their_id(admin_client):
    wanted = TaskFactory(id="01a2218a-1cb2-765e-8545-53eea77c0bae")
    other = TaskFactory()
    for beginning in ("01a2218a", "01A2218A-1CB2", "01a2218a1cb2765e"):
        text = page(admin_client, LIST, q=beginning)
        assert f"/{wanted.pk}/" in text
        assert f"/{other.pk}/" not in text


def test_tabs_lead_to_tasks_by_state_with_the_number_of_those_at_work(admin_client):
    for status in (Status.RUNNING, Status.RUNNING, Status.FAILED):
        TaskFactory(status=status)
    text = page(admin_client, LIST, status__exact="running")
    tab = re.search(r'<a href="[^"]*=running" aria-current="true">Running.*?</a>', text)
    assert ">2<" in tab[0]
    assert re.search(r'<a href="[^"]*=failed">Failed</a>', text)


def test_the_priority_of_selected_tasks_is_set(admin_client):
    tasks = TaskFactory.create_batch(2)
    other = TaskFactory()
    text = select(admin_client, "task", "set_priority_0", *tasks)
    assert "P0 for 2 tasks." in text
    priorities = dict(Task.objects.values_list("pk", "priority"))
    assert [priorities[task.pk] for task in (*tasks, other)] == [0, 0, 2]
