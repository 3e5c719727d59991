"""Documents, notifications and projects are paged as tasks are."""

import json
import re
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.models import Budget, Period, Scope
from tasks.models import Document, PermissionRequest, Project
from tests.factories import (
    DocumentFactory,
    PermissionRequestFactory,
    ProjectFactory,
    RunFactory,
    ScheduleFactory,
    TaskFactory,
)
from tests.ledger.factories import BudgetFactory

MOMENT = datetime(2026, 4, 3, 10, 31, 15, 123_456, UTC)


def body(answer):
    assert answer.status_code == 200, answer.content
    return json.loads(answer.getvalue())


def walk(api, url):
    """Yield the ids of each page, following the Link headers."""
    while url:
        answer = api.get(url)
        yield [one["id"] for one in body(answer)]
        link = answer.headers.get("Link", "")
        found = re.fullmatch(r'<http://localhost:3000([^>]*)>; rel="next"', link)
        url = found and found[1]


def documents(count):
    """Make documents, several of which are of the same moment."""
    of = ProjectFactory()
    Document.objects.bulk_create(
        DocumentFactory.build(project=of, id=f"doc-{n:05}", file="x")
        for n in range(count)
    )
    Document.objects.filter(id__gt="doc-00003").update(created_at=MOMENT)
    return f"/api/documents?projectId={of.pk}"


def notifications(count):
    run = RunFactory(status="running")
    common = {"run": run, "task": run.task, "session": run.session}
    PermissionRequest.objects.bulk_create(
        PermissionRequestFactory.build(**common, created_at=MOMENT)
        for _ in range(count)
    )
    return f"/api/notifications?taskId={run.task_id}&status=pending"


def projects(count):
    """Make projects, several of which have the same name."""
    Project.objects.bulk_create(
        Project(id=f"p.{n:05}", name=f"A/b.c ü {n % 3}") for n in range(count)
    )
    return "/api/projects?"


def budgets(count):
    """Make budgets of several scopes, two of each but the last."""
    scopes = [(Scope.OVERALL, ""), (Scope.RUNTIME, "echo")]
    scopes += [(Scope.PROJECT, f"p{place}") for place in range(count)]
    each = [(*scope, period) for scope in scopes for period in Period]
    for scope, scope_id, period in reversed(each[:count]):
        BudgetFactory(scope=scope, scope_id=scope_id, period=period)
    return "/api/budgets?"


MODELS = {
    documents: Document,
    notifications: PermissionRequest,
    projects: Project,
    budgets: Budget,
}
LISTS = pytest.mark.parametrize("fill", MODELS)


@LISTS
@pytest.mark.parametrize("limit", [1, 3, 9, 10, 11])
def test_pages_together_are_the_list(api, fill, limit):
    url = fill(10)
    whole = [one["id"] for one in body(api.get(url))]
    assert len(set(whole)) == 10
    pages = list(walk(api, f"{url}&limit={limit}"))
    assert [one for page in pages for one in page] == whole
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]  # no empty page at the end


@LISTS
def test_without_a_limit_a_list_is_all_there_is(api, fill):
    answer = api.get(fill(2_100))
    assert answer.streaming
    assert "Link" not in answer
    assert len({one["id"] for one in body(answer)}) == 2_100


@LISTS
def test_a_row_that_goes_or_comes_between_pages_hides_no_other(api, fill):
    url = fill(10)
    whole = [one["id"] for one in body(api.get(url))]
    model = MODELS[fill]
    seen = []
    for page in walk(api, f"{url}&limit=3"):
        seen += page
        model.objects.filter(pk=seen[-1]).delete()  # the one the cursor names
    assert seen == whole


@LISTS
@pytest.mark.parametrize(
    ("parameter", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("cursor=%00", "cursor"),
    ],
)
def test_a_bad_parameter_is_a_field_error(api, fill, parameter, field):
    answer = api.get(f"{fill(1)}&{parameter}")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == [field]


@pytest.mark.parametrize(
    "name",
    [
        *("tasks", "projects", "documents", "notifications", "permissions", "budgets"),
        *("workflows", "schedules", "webhooks"),
    ],
)
@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "abc",
        ".",
        "/",
        "-1.x",
        "9" * 17,
        "1e5.x",
        "٣.x",
        "1.",
        "1.é",
        "/x",
        "é/x",
    ],
)
def test_a_made_up_cursor_is_the_same_field_error_everywhere(api, name, cursor):
    answer = api.get(f"/api/{name}?cursor={cursor}")
    assert answer.status_code == 400
    message = "Invalid cursor: use one from a Link header"
    assert answer.json()["error"]["fieldErrors"] == {"cursor": [message]}


@pytest.mark.parametrize(
    "name", ["tasks", "workflows", "schedules", "webhooks", "permissions"]
)
def test_a_cursor_with_an_id_of_another_kind_is_a_field_error_too(api, name):
    answer = api.get(f"/api/{name}?cursor=2.zzz")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fieldErrors"]) == ["cursor"]


@LISTS
def test_a_page_takes_two_statements_at_most_and_counts_nothing(api, fill):
    url = f"{fill(10)}&limit=3"
    next_url = re.search("<([^>]*)>", api.get(url)["Link"])[1]
    for page in (url, next_url):
        with CaptureQueriesContext(connection) as queries:
            assert len(body(api.get(page))) == 3
        listing = [q["sql"] for q in queries if "tasks_apitoken" not in q["sql"]]
        # The rest of a group of equals, then the groups that follow: a range of an index each.
        assert len(listing) <= (2 if page == next_url else 1)
        assert not any("COUNT(" in sql for sql in listing)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's plans")
@pytest.mark.parametrize("is_next", [False, True])
@pytest.mark.parametrize(
    "url",
    [
        "/api/tasks?",
        "/api/tasks?status=planned",
        "/api/tasks?projectId=p",
        "/api/tasks?scheduleId={schedule}",
        "/api/documents?",
        "/api/documents?projectId=p",
        "/api/notifications?",
        "/api/notifications?status=pending",
        "/api/notifications?taskId={task}",
        "/api/projects?",
    ],
)
def test_an_index_gives_every_order(api, url, is_next):
    run = RunFactory(status="running")
    common = {"run": run, "task": run.task, "session": run.session}
    project, schedule = ProjectFactory(id="p"), ScheduleFactory()
    ProjectFactory()
    for _ in range(2):
        TaskFactory(project=project, schedule=schedule)
        DocumentFactory(project=project)
        PermissionRequestFactory(**common)
    url = f"{url.format(task=run.task_id, schedule=schedule.pk)}&limit=1"
    if is_next:
        url = re.search("<([^>]*)>", api.get(url)["Link"])[1]
    with CaptureQueriesContext(connection) as queries:
        body(api.get(url))
    sql = queries[-1]["sql"]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        plan = " / ".join(row[3] for row in cursor.fetchall())
    assert "USING INDEX" in plan
    assert "TEMP B-TREE" not in plan
