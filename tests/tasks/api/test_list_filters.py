"""What lists of tasks are filtered by, beyond the contract's project and one status."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tasks.api.representation import task_filters
from tasks.models import Task, TaskTag
from tests.factories import (
    ProjectFactory,
    RunFactory,
    SuperuserFactory,
    TaskFactory,
)
from tests.tasks.api.test_list_pages import by_rank, ids, listed, walk

pytestmark = pytest.mark.django_db


def tagged(api, *tags, **fields):
    body = {"title": "x", "tags": tags, **fields}
    answer = api.post("/api/tasks", body)
    assert answer.status_code == 201, answer.content
    return Task.objects.get(pk=answer.json()["id"])


# --- Several statuses ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["status=failed,running", "status=running&status=failed,failed"]
)
def test_several_statuses_are_one_list_in_its_order(api, query):
    tasks = [
        TaskFactory(status=Task.Status.values[number % 6], priority=number % 4)
        for number in range(48)
    ]
    wanted = [task for task in tasks if task.status in {"failed", "running"}]
    assert listed(api, f"?{query}") == ids(by_rank(wanted))
    pages = list(walk(api, f"/api/tasks?limit=5&{query}"))
    assert [task for page in pages for task in page] == ids(by_rank(wanted))


@pytest.mark.parametrize("query", ["status=failed,", "status=failed&status=done"])
def test_each_status_is_checked(api, query):
    answer = api.get(f"/api/tasks?{query}")
    assert answer.status_code == 400
    (issue,) = answer.json()["error"]["fieldErrors"]["status"]
    assert issue.startswith("Invalid enum value. Expected 'planned'")


def test_a_task_that_no_longer_has_one_of_the_statuses_is_left_out_of_a_stream(api):
    Task.objects.bulk_create(
        Task(title="x", status=("failed", "cancelled")[n % 2]) for n in range(2500)
    )
    moved = Task.objects.order_by("pk")[0]
    stream = iter(api.get("/api/tasks?status=failed,cancelled").streaming_content)
    begun = next(stream)
    Task.objects.filter(pk=moved.pk).update(status="planned")
    shown = [task["id"] for task in json.loads(begun + b"".join(stream))]
    assert len(shown) == 2499
    assert str(moved.pk) not in shown


# --- Runtime, profile, times, text --------------------------------------------------------


def test_runtime_and_profile_are_those_that_a_task_names(api):
    wanted = TaskFactory(assigned_agent="ollama", agent_profile="researcher")
    other = TaskFactory(assigned_agent="ollama")
    TaskFactory(agent_profile="general")
    assert listed(api, "?runtime=ollama") == ids(by_rank([wanted, other]))
    assert listed(api, "?profile=researcher&runtime=ollama") == ids([wanted])
    assert listed(api, "?profile=nobodys") == []
    answer = api.get("/api/tasks?runtime=gpt")
    assert list(answer.json()["error"]["fieldErrors"]) == ["runtime"]


def at(hour):
    return datetime(2026, 4, 3, hour, tzinfo=UTC)


def made_at(moment, **fields):
    """A task as if it was created at this time: its id says so, too."""
    pk = task_filters.first_id_at(moment)
    task = TaskFactory(pk=pk, **fields)
    Task.objects.filter(pk=pk).update(created_at=moment, updated_at=moment)
    return task


def test_times_of_creation_are_a_range_without_its_end(api):
    tasks = [made_at(at(hour), priority=hour % 4) for hour in range(12)]
    query = "?createdFrom=2026-04-03T03:00:00Z&createdUntil=2026-04-03T09:00:00%2B01:00"
    assert listed(api, query) == ids(by_rank(tasks[3:8]))
    pages = list(walk(api, f"/api/tasks{query}&limit=2"))
    assert [task for page in pages for task in page] == ids(by_rank(tasks[3:8]))
    assert listed(api, "?createdFrom=2026-04-04") == []
    assert len(listed(api, "?createdUntil=2026-04-04")) == 12


def test_a_time_that_an_answer_has_finds_its_task(api):
    made = api.post("/api/tasks", {"title": "x"}).json()
    assert listed(api, f"?createdFrom={made['createdAt']}") == [made["id"]]
    assert listed(api, f"?updatedFrom={made['updatedAt']}") == [made["id"]]


@pytest.mark.parametrize("few", [1, 2_000])
def test_times_of_change_are_a_range_however_many_there_are(api, monkeypatch, few):
    monkeypatch.setattr(task_filters, "FEW", few)
    tasks = [made_at(at(hour), priority=hour % 4, status="failed") for hour in range(9)]
    query = "?updatedFrom=2026-04-03T02:00:00Z&updatedUntil=2026-04-03T07:00:00Z"
    query += "&status=failed,running"
    assert listed(api, query) == ids(by_rank(tasks[2:7]))
    pages = list(walk(api, f"/api/tasks{query}&limit=2"))
    assert [task for page in pages for task in page] == ids(by_rank(tasks[2:7]))


@pytest.mark.parametrize("name", ["createdFrom", "updatedUntil"])
@pytest.mark.parametrize(
    "value", ["", "now", "2026-13-01", "2026-04-03T10:00", "0001-01-01"]
)
def test_what_is_no_time_is_a_field_error(api, name, value):
    answer = api.get(f"/api/tasks?{name}={value}")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == [name]


def test_a_search_finds_titles_errors_and_beginnings_of_ids(api):
    titled = TaskFactory(title="Write the Budget_2026 report", priority=0)
    failed = TaskFactory(status="failed")
    RunFactory(task=failed, status="failed", error="The BUDGET_2026 is used up.")
    again = TaskFactory(status="completed")  # its error is no longer told
    RunFactory(task=again, status="failed", error="budget_2026")
    TaskFactory(title="budgetX2026")
    assert listed(api, "?search=budget_2026") == ids([titled, failed])
    assert listed(api, "?search=budget_2026&status=failed") == ids([failed])
    assert listed(api, f"?search={titled.pk}") == ids([titled])
    assert str(titled.pk) in listed(api, f"?search={str(titled.pk)[:9]}")
    assert listed(api, "?search=%25") == []
    pages = list(walk(api, "/api/tasks?search=budget&limit=1"))
    assert [len(page) for page in pages] == [1, 1, 1]


def test_text_is_looked_for_in_the_newest_tasks_alone(api, monkeypatch):
    monkeypatch.setattr(task_filters, "SEARCHED_TASKS", 3)
    tasks = [TaskFactory(title="needle") for _ in range(5)]
    assert listed(api, "?search=needle") == ids(by_rank(tasks[2:]))
    assert listed(api, f"?search={tasks[0].pk}") == ids(tasks[:1])


# --- Tags ---------------------------------------------------------------------------------


def test_tags_are_written_shown_and_replaced(api):
    made = api.post("/api/tasks", {"title": "x", "tags": ["b", "a b", "b"]}).json()
    assert made["tags"] == ["b", "a b"]
    path = f"/api/tasks/{made['id']}"
    assert api.get(path).json()["tags"] == ["b", "a b"]
    assert api.get("/api/tasks").json()[0]["tags"] == ["b", "a b"]
    assert api.patch(path, {"tags": ["ü"], "priority": 0}).json()["tags"] == ["ü"]
    assert list(TaskTag.objects.values_list("name", flat=True)) == ["ü"]
    assert api.patch(path, {"title": "y"}).json()["tags"] == ["ü"]
    assert api.patch(path, {"tags": []}).json()["tags"] == []
    assert not TaskTag.objects.exists()
    assert api.post("/api/tasks", {"title": "x"}).json()["tags"] == []


@pytest.mark.parametrize(
    "tags", [[""], ["a,b"], ["x" * 51], [1], "a", ["a"] * 21, [None]]
)
def test_bad_tags_are_a_field_error_and_change_nothing(api, tags):
    task = tagged(api, "kept")
    for answer in (
        api.post("/api/tasks", {"title": "x", "tags": tags}),
        api.patch(f"/api/tasks/{task.pk}", {"title": "new", "tags": tags}),
    ):
        assert answer.status_code == 400
        assert list(answer.json()["error"]["fieldErrors"]) == ["tags"]
    task.refresh_from_db()
    assert (task.title, task.tags) == ("x", '["kept"]')


def test_a_refused_status_leaves_the_tags_alone(api):
    task = tagged(api, "kept")
    body = {"status": "completed", "tags": ["new"]}
    assert api.patch(f"/api/tasks/{task.pk}", body).status_code == 400
    assert list(TaskTag.objects.values_list("name", flat=True)) == ["kept"]


@pytest.mark.parametrize("few", [1, 2_000])
def test_tasks_are_found_by_all_of_their_tags(api, monkeypatch, few):
    monkeypatch.setattr(task_filters, "FEW", few)
    both = [tagged(api, "a", "b", priority=n % 4) for n in range(6)]
    only = [tagged(api, "a", priority=n) for n in range(4)]
    tagged(api, "c")
    assert listed(api, "?tags=a") == ids(by_rank([*both, *only]))
    for query in ("tags=a,b", "tags=b&tags=a"):
        assert listed(api, f"?{query}") == ids(by_rank(both))
        pages = list(walk(api, f"/api/tasks?{query}&limit=4"))
        assert [task for page in pages for task in page] == ids(by_rank(both))
    assert listed(api, "?tags=a,c") == []
    assert listed(api, "?tags=A") == []


def test_tags_go_with_their_task(api):
    task = tagged(api, "a")
    assert api.delete(f"/api/tasks/{task.pk}").status_code == 200
    assert not TaskTag.objects.exists()


def test_the_admin_writes_tags_and_filters_by_them(client):
    client.force_login(SuperuserFactory())
    url = reverse("admin:tasks_task_add")
    body = {"title": "Tagged", "priority": 2, "tag_names": "q4, finance,, q4"}
    assert client.post(url, body).status_code == 302
    task = Task.objects.get()
    assert json.loads(task.tags) == ["q4", "finance"]
    TaskFactory(title="Untagged")
    page = client.get(reverse("admin:tasks_task_changelist"), {"tag": "q4"})
    assert "Tagged" in page.content.decode()
    assert "Untagged" not in page.content.decode()
    change = reverse("admin:tasks_task_edit", args=[task.pk])
    assert 'value="q4, finance"' in client.get(change).content.decode()
    client.post(change, {**body, "tag_names": "q5"})
    assert list(TaskTag.objects.values_list("name", flat=True)) == ["q5"]
    many = ",".join(map(str, range(21)))
    assert client.post(change, {**body, "tag_names": many}).status_code == 200
    assert TaskTag.objects.count() == 1


# --- What is not known --------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["tasks", "projects", "documents", "notifications", "schedules", "workflows"],
)
def test_unknown_parameters_are_named_in_a_warning(api, path):
    answer = api.get(f"/api/{path}?page=2&limit=5&or%22der=x")
    assert answer.status_code == 200
    assert answer["Warning"] == '299 - "Unknown parameters are ignored: page, or%22der"'
    assert "Warning" not in api.get(f"/api/{path}?limit=5")
    assert "Warning" not in api.get(f"/api/{path}")


# --- What it costs ------------------------------------------------------------------------


def test_statements_do_not_grow_with_the_tasks(api):
    project = ProjectFactory()
    counts = []
    for number in (5, 60):
        for _ in range(number):
            tagged(api, "a", projectId=project.pk)
        with CaptureQueriesContext(connection) as queries:
            for query in (
                "status=planned,failed",
                "tags=a",
                "search=x",
                "updatedFrom=2026-04-03",
            ):
                api.get(f"/api/tasks?limit=20&{query}")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    since = (datetime.now(UTC) - timedelta(days=1)).date()
    with CaptureQueriesContext(connection) as queries:
        api.get(f"/api/tasks?limit=100&createdFrom={since}")
    assert len(queries) <= 4
