"""The list: its order, its filters, and pages that stay right while tasks come and go."""

import json
import re
import threading
from contextlib import closing, contextmanager
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from django.db import connection

from tasks.models import Task
from tests.factories import ProjectFactory, TaskFactory


def body(answer):
    assert answer.status_code == 200, answer.content
    return json.loads(answer.getvalue())


def listed(api, query=""):
    return [task["id"] for task in body(api.get(f"/api/tasks{query}"))]


def listed_in_full(api):
    return body(api.get("/api/tasks"))


def ids(tasks):
    return [str(task.pk) for task in tasks]


def next_url(answer):
    link = answer.headers.get("Link")
    if link is None:
        return None
    url = re.fullmatch(r'<(http://localhost:3000/api/tasks\?[^>]*)>; rel="next"', link)
    return url[1].removeprefix("http://localhost:3000")


def walk(api, url):
    """Yield the ids of each page, following the Link headers."""
    while url:
        answer = api.get(url)
        yield [task["id"] for task in body(answer)]
        url = next_url(answer)


def by_rank(tasks):
    return sorted(tasks, key=lambda task: (task.priority, -task.pk.int))


@contextmanager
def after_first_read(do):
    """Do something once tasks were read for the first time, as another process would."""
    is_done = False

    def run(execute, sql, *arguments):
        nonlocal is_done
        result = execute(sql, *arguments)
        if not is_done and 'FROM "tasks_task"' in sql:
            is_done = True
            do()
        return result

    with connection.execute_wrapper(run):
        yield


def test_without_tasks_it_is_an_empty_array(api):
    answer = api.get("/api/tasks")
    assert answer["Content-Type"] == "application/json"
    assert body(answer) == []
    assert "Link" not in answer


def test_the_most_urgent_come_first_then_the_newest(api):
    tasks = [TaskFactory(priority=priority) for priority in (2, 0, 3, 1, 0, 2)]
    assert listed(api) == ids(by_rank(tasks))


def test_a_listed_task_is_what_create_answers(api):
    created = api.post("/api/tasks", {"title": "Ünï", "priority": 1}).json()
    listed_task = body(api.get("/api/tasks"))[0]
    times = ("createdAt", "updatedAt")  # their last digit is another test's
    for name in times:
        assert created.pop(name)[:20] == listed_task.pop(name)[:20]
    assert listed_task == created
    assert "result" not in listed_task


def test_any_text_comes_back_as_it_went_in(api):
    """The database writes the JSON of lists and details, so it has to quote right."""
    text = '"quoted" \\ back / slash \b\t\n\x01\x7f </script> \u2028 é 漢 😀'
    created = api.post("/api/tasks", {"title": text, "description": text}).json()
    shown = api.get(f"/api/tasks/{created['id']}").json()
    for task in (created, shown, listed_in_full(api)[0]):
        assert (task["title"], task["description"]) == (text, text)


def test_the_keys_come_in_the_order_of_the_contract(api):
    created = api.post("/api/tasks", {"title": "A title"}).json()
    for task in (api.get(f"/api/tasks/{created['id']}").json(), listed_in_full(api)[0]):
        assert list(task)[: len(created)] == list(created)


def test_filters_narrow_it_down_together(api):
    project = ProjectFactory()
    wanted = TaskFactory(project=project, status="running")
    TaskFactory(project=project)
    TaskFactory(status="running")
    assert listed(api, f"?projectId={project.pk}&status=running") == ids([wanted])
    assert len(listed(api, f"?projectId={project.pk}")) == 2
    assert len(listed(api, "?status=running")) == 2


@pytest.mark.parametrize(
    "query", ["?projectId=none", "?projectId=", "?projectId=%25", "?status=failed"]
)
def test_a_filter_that_nothing_matches_gives_an_empty_array(api, query):
    TaskFactory()
    assert listed(api, query) == []


@pytest.mark.parametrize(
    "query", ["?unknown=1", "?page=2", "?ordering=title", "?format=xml"]
)
def test_unknown_parameters_are_ignored(api, query):
    task = TaskFactory()
    assert listed(api, query) == ids([task])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=done", "status"),
        ("status=", "status"),
        ("status=RUNNING", "status"),
        ("status=running%00", "status"),
        ("projectId=%00", "projectId"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=1e2", "limit"),
        ("limit=" + "9" * 400, "limit"),
        ("limit=%D9%A1", "limit"),
        ("cursor=", "cursor"),
        ("cursor=nonsense", "cursor"),
        ("cursor=1", "cursor"),
        ("cursor=1.2.3", "cursor"),
        ("cursor=x." + "0" * 32, "cursor"),
        ("cursor=%00." + "0" * 32, "cursor"),
        ("cursor=" + "9" * 5000 + "." + "0" * 32, "cursor"),
    ],
)
def test_a_bad_parameter_is_a_field_error(api, query, field):
    answer = api.get(f"/api/tasks?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == [field]
    assert answer.json()["error"]["formErrors"] == []


@pytest.mark.parametrize("priority", ["-1", "4", "99999999999999999999", "9" * 300])
def test_a_cursor_of_no_priority_is_a_field_error(api, priority):
    TaskFactory()
    answer = api.get(f"/api/tasks?cursor={priority}.{UUID(int=7)}")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == ["cursor"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 11, 1000])
def test_pages_together_are_the_list(api, limit):
    tasks = [TaskFactory(priority=number % 4) for number in range(10)]
    pages = list(walk(api, f"/api/tasks?limit={limit}"))
    assert [task for page in pages for task in page] == ids(by_rank(tasks))
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]  # no empty page at the end


def test_the_link_keeps_the_filters(api):
    project = ProjectFactory(pk="a.b-c")
    tasks = TaskFactory.create_batch(3, project=project, status="running")
    TaskFactory.create_batch(3)
    first = f"/api/tasks?limit=2&projectId={project.pk}&status=running"
    query = parse_qs(urlsplit(next_url(api.get(first))).query)
    assert query.pop("cursor")
    assert query == {"limit": ["2"], "projectId": ["a.b-c"], "status": ["running"]}
    assert [task for page in walk(api, first) for task in page] == ids(by_rank(tasks))


def test_a_cursor_alone_means_a_hundred(api):
    Task.objects.bulk_create(Task(title="x") for _ in range(150))
    first = api.get("/api/tasks?limit=10")
    query = parse_qs(urlsplit(next_url(first)).query)
    assert len(listed(api, f"?cursor={query['cursor'][0]}")) == 100


def test_pages_miss_nothing_and_repeat_nothing_while_tasks_come_and_go(api):
    tasks = by_rank([TaskFactory(priority=number % 4) for number in range(20)])
    seen = []
    for number, page in enumerate(walk(api, "/api/tasks?limit=3")):
        seen += page
        Task.objects.filter(pk=seen[-1]).delete()  # the one the cursor names
        TaskFactory(priority=0)  # before all cursors
        if number == 1:
            Task.objects.filter(pk=tasks[-1].pk).delete()  # after all cursors
    assert seen == ids(tasks[:-1])


def test_a_task_that_comes_while_a_page_is_read_hides_no_other(api):
    tasks = by_rank(TaskFactory.create_batch(4))
    with after_first_read(lambda: TaskFactory(priority=0)):
        first = api.get("/api/tasks?limit=2")
    seen = [task["id"] for task in body(first)]
    seen += [task for page in walk(api, next_url(first)) for task in page]
    assert set(ids(tasks)) <= set(seen)
    assert len(seen) == len(set(seen))


def test_a_task_that_goes_while_a_page_is_read_doubles_no_other(api):
    tasks = by_rank(TaskFactory.create_batch(4))
    with after_first_read(lambda: Task.objects.filter(pk=tasks[0].pk).delete()):
        first = api.get("/api/tasks?limit=2")
    seen = [task["id"] for task in body(first)]
    seen += [task for page in walk(api, next_url(first)) for task in page]
    assert set(ids(tasks[1:])) <= set(seen)
    assert len(seen) == len(set(seen))


def test_2500_tasks_are_streamed_whole(api):
    tasks = [Task(title=f"Task {n}", priority=n % 4) for n in range(2500)]
    Task.objects.bulk_create(tasks)
    answer = api.get("/api/tasks")
    assert answer.streaming
    chunks = list(answer.streaming_content)
    assert len(chunks) > 1
    assert [one["id"] for one in json.loads(b"".join(chunks))] == ids(by_rank(tasks))


@pytest.mark.parametrize("count", [999, 1000, 1001, 2000, 2001])
def test_no_task_is_lost_where_one_chunk_ends(api, count):
    Task.objects.bulk_create(Task(title="x") for _ in range(count))
    assert len(listed(api)) == count


def test_a_list_shows_each_task_once_though_tasks_move_while_it_streams(api):
    Task.objects.bulk_create(Task(title="x", priority=1) for _ in range(2500))
    answer = api.get("/api/tasks")
    stream = iter(answer.streaming_content)
    begun = next(stream)
    first = json.loads(begun + b"]")[0]["id"]
    assert api.patch(f"/api/tasks/{first}", {"priority": 3}).status_code == 200
    shown = [task["id"] for task in json.loads(begun + b"".join(stream))]
    assert len(shown) == len(set(shown)) == 2500


@pytest.mark.django_db(transaction=True)
def test_a_list_that_streams_keeps_nobody_from_writing(api):
    Task.objects.bulk_create(Task(title="x") for _ in range(2500))

    def write():  # as a worker does, on a connection of its own
        Task.objects.update(result="from a worker")
        connection.close()

    with closing(api.get("/api/tasks")) as answer:
        stream = iter(answer.streaming_content)
        begun = next(stream)
        worker = threading.Thread(target=write)
        worker.start()
        worker.join()
        assert api.post("/api/tasks", {"title": "y"}).status_code == 201
        assert len(json.loads(begun + b"".join(stream))) == 2500


def test_a_task_that_moves_up_while_a_list_streams_is_not_lost(api):
    Task.objects.bulk_create(Task(title="x", priority=1) for _ in range(2500))
    oldest = Task.objects.order_by("pk").first()
    stream = iter(api.get("/api/tasks").streaming_content)
    begun = next(stream)
    assert api.patch(f"/api/tasks/{oldest.pk}", {"priority": 0}).status_code == 200
    shown = [task["id"] for task in json.loads(begun + b"".join(stream))]
    assert len(shown) == len(set(shown)) == 2500


def test_a_task_that_goes_or_no_longer_fits_while_a_list_streams_is_left_out(api):
    Task.objects.bulk_create(Task(title="x", status="failed") for _ in range(2500))
    gone, moved = Task.objects.order_by("pk")[:2]
    stream = iter(api.get("/api/tasks?status=failed").streaming_content)
    begun = next(stream)
    gone.delete()
    api.patch(f"/api/tasks/{moved.pk}", {"status": "queued"})
    shown = [task["id"] for task in json.loads(begun + b"".join(stream))]
    assert len(shown) == 2498
    assert not {str(gone.pk), str(moved.pk)} & set(shown)


def test_a_list_of_which_nothing_is_left_is_an_empty_array(api):
    Task.objects.bulk_create(Task(title="x") for _ in range(1001))
    answer = api.get("/api/tasks")
    Task.objects.all().delete()
    assert body(answer) == []


def test_an_unknown_status_names_those_there_are(api):
    error = api.get("/api/tasks?status=done").json()["error"]["fieldErrors"]["status"]
    expected = " | ".join(f"'{status}'" for status in Task.Status.values)
    assert error == [f"Invalid enum value. Expected {expected}, received 'done'"]
