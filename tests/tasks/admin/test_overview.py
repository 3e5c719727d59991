"""The first page: what waits, goes on, failed, is due, and what it costs. Each to who may see it."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stagent.admin_theme import UNFOLD
from tasks.admin.overview import plots
from tasks.models import Run, Task, Worker
from tests.factories import (
    PermissionRequestFactory,
    RunFactory,
    TaskFactory,
)
from tests.ledger.factories import USD, BudgetFactory, LedgerEntryFactory
from tests.tasks.admin.pages import login_operator, page, press

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def layout(settings):
    settings.UNFOLD = UNFOLD


def tile(text, title):
    """Return what the tile says beside its title."""
    found = re.search(rf"<span>{re.escape(title)}</span>(.*?)</a>", text, re.DOTALL)
    return re.sub(r"<[^>]*>", " ", found[1])


def failed_run(**facts):
    task = TaskFactory(status=Task.Status.FAILED, **facts)
    return RunFactory(
        task=task,
        status=Run.Status.FAILED,
        error="The key was refused.",
        finished_at=timezone.now(),
    )


def test_it_shows_what_waits_runs_and_costs(admin_client):
    asked = PermissionRequestFactory(
        message="Writing R&D's report",
        created_at=timezone.now() - timedelta(minutes=32),
    )
    LedgerEntryFactory(task_id=asked.task.pk)
    text = page(admin_client, "index")
    for shown in (asked.message, asked.action, asked.task.title):
        assert shown in text
    assert "1 oldest 32 min" in " ".join(tile(text, "Waiting for you").split())
    assert "1 of them wait for you" in tile(text, "Running")
    assert "$0.01" in tile(text, "Spent today (UTC)")


def test_it_shows_nothing_to_who_may_see_nothing(client):
    login_operator(client)
    asked = PermissionRequestFactory(message="Writing the report")
    text = page(client, "index")
    assert "Writing the report" not in text
    assert asked.task.title not in text
    assert client.get("/admin/overview/parts/").status_code == 403


def test_who_may_not_see_money_sees_the_rest(client):
    login_operator(client, "view_task", "view_permissionrequest", "view_run")
    LedgerEntryFactory(task_id=failed_run().task_id)
    text = page(client, "index")
    assert "The key was refused." in text
    assert "Spent today" not in text
    assert "$0" not in text


def test_no_worker_is_told_in_red_and_workers_are_counted(admin_client):
    assert "None" in tile(page(admin_client, "index"), "Workers")
    Worker.objects.announce("one", for_seconds=60, concurrency=300)
    assert "for 300 runs at once" in tile(page(admin_client, "index"), "Workers")


def test_today_is_laid_beside_its_budget(admin_client):
    BudgetFactory(limit_microdollars=12_000)
    LedgerEntryFactory()
    text = page(admin_client, "index")
    assert "of $0.01" in tile(text, "Spent today (UTC)")
    assert 'style="width: 50%"' in text
    BudgetFactory(scope="project", scope_id="crm", limit_microdollars=USD)
    assert "No project, daily" not in page(admin_client, "index")


def test_a_run_that_another_took_up_is_no_failure(admin_client):
    task = TaskFactory(status=Task.Status.COMPLETED)
    now = timezone.now()
    lost = RunFactory(task=task, status=Run.Status.LOST, finished_at=now)
    RunFactory(task=task, status=Run.Status.COMPLETED, finished_at=now, attempt=2)
    assert tile(page(admin_client, "index"), "Failed in 24 h").split()[0] == "0"
    for name, args in (("tasks_run_changelist", ()), ("tasks_task_runs", [task.pk])):
        shown = page(admin_client, name, *args)
        assert "Taken over" in shown
        assert "Lost" not in shown
    lost.refresh_from_db()
    assert lost.status == "lost"


def test_the_tile_of_failures_counts_what_its_link_lists(admin_client):
    failed_run(title="Failed today")
    twice = failed_run(title="Failed twice").task
    RunFactory(
        task=twice, attempt=2, status=Run.Status.FAILED, finished_at=timezone.now()
    )
    before = failed_run(title="Failed before")
    Run.objects.filter(pk=before.pk).update(
        finished_at=timezone.now() - timedelta(hours=25)
    )
    again = failed_run(title="Was run again").task
    Task.objects.filter(pk=again.pk).update(status=Task.Status.COMPLETED)

    text = page(admin_client, "index")
    assert tile(text, "Failed in 24 h").split()[:2] == ["2", "1"]
    link = re.search(r'href="([^"]*failed=24h)"', text)[1]
    listed = unescape(admin_client.get(link).content.decode())
    titles = re.findall(r"Failed (?:today|twice|before)", listed)
    assert set(titles) == {"Failed today", "Failed twice"}
    assert "Was run again" not in listed
    assert "Failed in 24 h" in listed


def test_what_failed_is_run_again_from_here(admin_client):
    run = failed_run(title="Fetch the rates")
    text = page(admin_client, "index")
    assert "Fetch the rates" in text
    assert "The key was refused." in text
    url = reverse("admin:tasks_task_do", args=[run.task_id, "run_again"])
    assert "Nothing has failed" in press(admin_client, url, next="overview")
    assert Task.objects.get(pk=run.task_id).status == Task.Status.RUNNING


def test_what_waits_is_answered_from_here(admin_client):
    asked = PermissionRequestFactory(run=RunFactory(status=Run.Status.RUNNING))
    url = reverse("admin:tasks_permissionrequest_answer", args=[asked.pk])
    text = press(admin_client, url, next="overview", decision="allow")
    assert "Overview" in text
    asked.refresh_from_db()
    assert asked.status == "allowed"


def test_outcomes_are_counted_by_the_hour(admin_client):
    failed_run()
    RunFactory(status=Run.Status.COMPLETED, finished_at=timezone.now())
    long_ago = timezone.now() - timedelta(days=2)
    RunFactory(status=Run.Status.COMPLETED, finished_at=long_ago)
    told = re.findall(r'<li title="([^"]*)"', page(admin_client, "index"))
    assert len(told) == 24
    assert told[-1].endswith("1 completed, 1 failed, 0 cancelled")


@pytest.mark.parametrize(("ended", "days"), [("7", 7), ("30", 30)])
def test_outcomes_are_counted_by_the_day(admin_client, ended, days):
    plots._spans_of_minute.cache_clear()
    failed_run()
    for age in (2, 20):
        finished_at = timezone.now() - timedelta(days=age)
        RunFactory(status=Run.Status.COMPLETED, finished_at=finished_at)
    text = page(admin_client, "index", ended=ended, by="runtime")
    told = re.findall(r'<li title="([^"]*)"', text)
    assert len(told) == days
    assert told[-1] == f"{timezone.now():%Y-%m-%d}: 0 completed, 1 failed, 0 cancelled"
    assert "1 completed" in told[-3]
    assert sum("1 completed" in one for one in told) == (1 if days == 7 else 2)
    assert 'href="?by=runtime&ended=30"' in text
    assert f'href="?by=project&ended={ended}"' in text


def test_a_first_start_says_what_to_do_first(admin_client):
    assert "What to do first" in page(admin_client, "index")
    TaskFactory()
    assert "What to do first" not in page(admin_client, "index")


def test_its_parts_are_those_of_the_page(admin_client):
    failed_run()
    PermissionRequestFactory()
    names = r'data-section="(\w+)"'
    parts = admin_client.get("/admin/overview/parts/").content.decode()
    assert re.findall(names, parts) == re.findall(names, page(admin_client, "index"))


def test_it_costs_the_same_at_100_tasks_and_at_10000(admin_client):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            page(admin_client, "index")
        return len(captured)

    def fill(count):
        Task.objects.bulk_create(
            Task(title=f"Task {number}", status=Task.Status.COMPLETED)
            for number in range(count)
        )

    fill(100)
    for _ in range(10):
        LedgerEntryFactory(task_id=failed_run().task_id)
        PermissionRequestFactory()
    few = queries()
    fill(9_900)
    for _ in range(10):
        LedgerEntryFactory(task_id=failed_run().task_id)
        PermissionRequestFactory()
    assert queries() == few <= 40
