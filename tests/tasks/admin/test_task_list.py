"""The operator's list of tasks: what goes on, and what needs somebody."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ledger.admin import long_lists
from ledger.admin.long_lists import LAST_PAGE
from ledger.models import LedgerEntry
from stagent.admin_theme import UNFOLD
from tasks.models import Run, Task
from tasks.models.ids import first_id_at
from tests.factories import (
    PermissionRequestFactory,
    ProjectFactory,
    RunFactory,
    ScheduleFactory,
    TaskFactory,
)
from tests.ledger.factories import LedgerEntryFactory, UnknownUsageFactory, UsageFactory
from tests.tasks.admin.pages import login_operator, page, press, select
from tests.tasks.workflows.running import begin, end, step

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
        status=Task.Status.RUNNING,
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
    task = TaskFactory(project=ProjectFactory(), status=Task.Status.RUNNING)
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
        status=Task.Status.FAILED,
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
    task = TaskFactory(status=Task.Status.FAILED)
    RunFactory(task=task, status=Run.Status.FAILED, error="The key was refused.")
    assert "The key was refused." in page(admin_client, LIST)
    found = page(admin_client, LIST, q="key was")
    assert f"/{task.pk}/" in found


def test_a_task_that_failed_twice_is_found_once(admin_client):
    task = TaskFactory(status=Task.Status.FAILED)
    for attempt in (1, 2):
        RunFactory(
            task=task,
            attempt=attempt,
            status=Run.Status.FAILED,
            error="The key is bad.",
        )
    assert page(admin_client, LIST, q="key is").count(f'value="{task.pk}"') == 1


@pytest.mark.parametrize(
    ("asked", "table"),
    [
        ({"q": "key was"}, "tasks_run"),
        ({"cost": "1"}, "ledger_tasktotal"),
        ({"o": "-8", "status__exact": "failed"}, "ledger_tasktotal"),
    ],
)
def test_what_other_tables_have_is_looked_for_of_the_newest_tasks_alone(
    admin_client, monkeypatch, asked, table
):
    monkeypatch.setattr(long_lists, "SEARCHED_ROWS", 1)
    for _ in range(3):
        TaskFactory()
    with CaptureQueriesContext(connection) as queries:
        page(admin_client, LIST, **asked)
    found = [one["sql"].replace('"', "") for one in queries]
    rows = [sql for sql in found if table in sql and "LIMIT 5" in sql]
    assert rows
    assert [sql for sql in rows if sql.startswith("SELECT DISTINCT")] == (
        rows if "q" in asked else []
    )
    assert all(re.search(r"(?!tasks_task)\w+\.task_id > ", sql) for sql in rows)


def test_no_address_lists_a_project_once_a_task(admin_client):
    project = ProjectFactory(name="With three tasks")
    for _ in range(3):
        TaskFactory(project=project)
    for number in range(1, 5):
        text = page(admin_client, "tasks_project_changelist", o=str(number))
        assert text.count(f'value="{project.pk}"') == 1


def test_tasks_are_found_by_the_beginning_of_their_id(admin_client):
    wanted = TaskFactory(id="01a2218a-1cb2-765e-8545-53eea77c0bae")
    other = TaskFactory()
    for beginning in ("01a2218a", "01A2218A-1CB2", "01a2218a1cb2765e"):
        text = page(admin_client, LIST, q=beginning)
        assert f"/{wanted.pk}/" in text
        assert f"/{other.pk}/" not in text


def test_tabs_lead_to_tasks_by_state_with_the_number_of_those_at_work(admin_client):
    for status in (Task.Status.RUNNING, Task.Status.RUNNING, Task.Status.FAILED):
        TaskFactory(status=status)
    text = page(admin_client, LIST, status__exact="running")
    tab = re.search(r'<a href="[^"]*=running" aria-current="true">Running.*?</a>', text)
    assert ">2<" in tab[0]
    tab = re.search(r'<a href="[^"]*=failed">Failed.*?</a>', text)
    assert ">1<" in tab[0]


def test_no_status_is_counted_to_its_end(admin_client, monkeypatch):
    monkeypatch.setattr("tasks.admin.task_list.MOST_COUNTED", 2)
    TaskFactory.create_batch(4, status=Task.Status.FAILED)
    TaskFactory.create_batch(2, status=Task.Status.COMPLETED)
    text = page(admin_client, LIST)
    assert re.search(r">Failed <span[^>]*>2\+<", text)
    assert re.search(r">Completed <span[^>]*>2<", text)


def test_tabs_keep_the_other_filters_and_count_what_they_leave(admin_client):
    TaskFactory(status=Task.Status.FAILED, created_by="ada")
    TaskFactory(status=Task.Status.FAILED, created_by="bob")
    text = page(admin_client, LIST, created_by="ada", status__exact="planned")
    tab = re.search(r'<a href="([^"]*)">Failed <span[^>]*>(\d+)<', text)
    assert "created_by=ada" in tab[1]
    assert "status__exact=failed" in tab[1]
    assert tab[2] == "1"


def titles(client, **query):
    shown = client.get(reverse(f"admin:{LIST}"), query).context["cl"].result_list
    return [task.title for task in shown]


def column(name):
    return list(site.get_model_admin(Task).list_display).index(name) + 1


@pytest.fixture
def three_tasks():
    """Tasks by name that cost and took ever more; the fourth never ran."""
    for number, name in enumerate(("cheap", "middle", "dear"), 1):
        task = TaskFactory(title=name, took_milliseconds=number * 61_000)
        usage = UsageFactory(input_tokens=number * 1_000_000, output_tokens=0)
        LedgerEntryFactory(task_id=task.pk, usage=usage)
    TaskFactory(title="never ran")


@pytest.mark.parametrize("name", ["cost", "took"])
@pytest.mark.parametrize("query", [{}, {"status__exact": "planned"}])
def test_tasks_are_sorted_by_cost_and_duration(admin_client, three_tasks, name, query):
    number = column(name)
    dearest = ["dear", "middle", "cheap"]
    assert titles(admin_client, o=f"-{number}", **query) == dearest
    assert titles(admin_client, o=str(number), **query) == dearest[::-1]


def test_a_correction_takes_its_cost_off_the_order(admin_client, three_tasks):
    dear = Task.objects.get(title="dear")
    entry = LedgerEntry.objects.get(task_id=dear.pk)
    LedgerEntry.objects.correct(entry, reason="Was free.")
    assert titles(admin_client, o=f"-{column('cost')}")[-1] == "dear"


def test_the_list_tells_how_long_tasks_took(admin_client, three_tasks):
    assert "2 min 2 s" in page(admin_client, LIST)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"cost": "6"}, ["dear", "middle"]),
        ({"cost": "6.000001"}, ["dear"]),
        ({"cost": "nonsense"}, ["never ran", "dear", "middle", "cheap"]),
        ({"cost": "1e400"}, ["never ran", "dear", "middle", "cheap"]),
        ({"created_by": "nobody"}, []),
    ],
)
def test_tasks_are_filtered_by_cost_and_creator(
    admin_client, three_tasks, query, found
):
    assert titles(admin_client, **query) == found


def test_tasks_are_filtered_by_the_days_of_their_creation(admin_client):
    for day in (1, 2, 3):
        at = datetime(2026, 3, day, 12, tzinfo=UTC)
        TaskFactory(id=first_id_at(at), title=f"of day {day}")
    found = titles(admin_client, created_from="2026-03-02")
    assert found == ["of day 3", "of day 2"]
    found = titles(admin_client, created_from="2026-03-02", created_to="2026-03-02")
    assert found == ["of day 2"]
    assert (
        len(titles(admin_client, created_from="0000-99", created_to="9999-12-31")) == 3
    )


def test_a_filter_looks_through_the_newest_rows_of_the_days_that_are_asked_for(
    admin_client, monkeypatch
):
    monkeypatch.setattr("ledger.admin.long_lists.SEARCHED_ROWS", 1)
    for day in (1, 2, 3):
        at = datetime(2026, 3, day, 12, tzinfo=UTC)
        TaskFactory(id=first_id_at(at), title=f"of day {day}", created_by="ada")
    query = {"created_by": "ada", "created_to": "2026-03-02"}
    assert titles(admin_client, **query) == ["of day 2"]
    assert "Of the newest" in page(admin_client, LIST, **query)


# --- All that match -----------------------------------------------------------------------


def act_on_matching(client, action, **query):
    url = reverse(f"admin:{LIST}", query=query)
    form = {"action": action, "_selected_action": [str(Task.objects.first().pk)]}
    return press(client, url, select_across=["0", "1"], **form)


def test_all_that_match_are_cancelled_and_no_others(admin_client):
    TaskFactory.create_batch(60, created_by="ada")
    TaskFactory(created_by="bob")
    done = TaskFactory(created_by="ada", status=Task.Status.COMPLETED)
    text = act_on_matching(admin_client, "cancel_selected", created_by="ada")
    assert "Cancel requested: 60 of 60 tasks." in text
    states = Task.objects.filter(status=Task.Status.CANCELLED)
    assert set(states.values_list("created_by", flat=True)) == {"ada"}
    done.refresh_from_db()
    assert done.status == Task.Status.COMPLETED


def test_all_that_match_are_done_in_steps(admin_client, monkeypatch):
    monkeypatch.setattr("tasks.admin.tasks.TaskAdmin.most_matching", 2)
    TaskFactory.create_batch(3)
    text = act_on_matching(admin_client, "set_priority_0")
    assert "the first 2" in text
    assert Task.objects.filter(priority=0).count() == 2
    text = act_on_matching(admin_client, "set_priority_0")
    assert "P0 for 1 task." in text
    assert "There is none" in act_on_matching(admin_client, "set_priority_0")


def test_nothing_is_deleted_because_it_matches(admin_client):
    TaskFactory.create_batch(2)
    text = act_on_matching(admin_client, "delete_selected")
    assert "not to all that match" in text
    assert Task.objects.count() == 2


def test_who_may_only_look_can_change_nothing_that_matches(client):
    login_operator(client, "view_task")
    TaskFactory()
    act_on_matching(client, "cancel_selected")
    assert Task.objects.get().status == Task.Status.PLANNED


def test_the_priority_of_selected_tasks_is_set(admin_client):
    tasks = TaskFactory.create_batch(2)
    other = TaskFactory()
    text = select(admin_client, "task", "set_priority_0", *tasks)
    assert "P0 for 2 tasks." in text
    priorities = dict(Task.objects.values_list("pk", "priority"))
    assert [priorities[task.pk] for task in (*tasks, other)] == [0, 0, 2]


def test_the_tasks_of_one_run_are_named_counted_and_left(admin_client):
    run = begin(step("a"), step("b"), name="Announcement")
    end(run, "a")
    TaskFactory(title="Of nothing", status=Task.Status.COMPLETED)
    text = page(admin_client, LIST, workflow_run=run.pk)
    assert "Run 1 of Announcement" in text
    assert "Of nothing" not in text
    counts = dict(re.findall(r">(\w+) <span class=\"st-quiet\">(\d+)<", text))
    assert counts["Completed"] == "1"
    assert "Of nothing" in page(admin_client, LIST)


def test_a_chip_names_the_workflow_or_schedule_that_one_came_from(admin_client):
    run = begin(step("a"), name="Announcement")
    schedule = ScheduleFactory(name="Nightly")
    of_workflow = {"workflow__id__exact": run.workflow_id}
    assert "Announcement <span" in page(admin_client, LIST, **of_workflow)
    of_schedule = {"schedule__id__exact": schedule.pk}
    assert "Nightly <span" in page(admin_client, LIST, **of_schedule)
    assert "Nothing that is there" in page(admin_client, LIST, workflow_run="none")
