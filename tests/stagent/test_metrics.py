"""`/metrics`: the site's numbers, whichever process is asked, and who may see them."""

import os
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from ledger.models import LedgerEntry
from ledger.pricing import Usage
from stagent.server import request_metrics
from tasks.lifecycle import runs
from tasks.models import ApiToken, Run, RunTotal, Task
from tests import live
from tests.factories import (
    PermissionRequestFactory,
    RunFactory,
    UserFactory,
    WorkerFactory,
)

AN_HOUR = timedelta(hours=1)


def key(*texts):
    return frozenset(texts)  # the order of labels says nothing


def parsed(text):
    """Return {name and the values of its labels: value}."""
    return {
        key(sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def scrape(api):
    def get():
        answer = api.get("/metrics")
        assert answer.status_code == 200
        return parsed(answer.content.decode())

    return get


@pytest.mark.django_db
def test_the_queue_is_told_by_runtime_without_what_is_parked(scrape):
    RunFactory.create_batch(2)
    run = RunFactory()
    Run.objects.filter(pk=run.pk).update(queued_at=timezone.now() - AN_HOUR)
    RunFactory(not_before=timezone.now() + AN_HOUR)
    RunFactory(status=Run.Status.RUNNING, lease_expires_at=timezone.now() + AN_HOUR)
    found = scrape()
    assert found[key("stagent_queued_runs", "echo")] == 3
    assert found[key("stagent_parked_runs", "echo")] == 1
    assert found[key("stagent_running_runs", "echo")] == 1
    assert 3600 <= found[key("stagent_queue_oldest_age_seconds", "echo")] < 3700


@pytest.mark.django_db(transaction=True)
def test_ended_runs_are_counted_by_outcome_and_duration(scrape):
    for seconds, status in ((2, "completed"), (100, "completed"), (2, "failed")):
        run = RunFactory()
        assert run.claim("worker")
        run.started_at = timezone.now() - timedelta(seconds=seconds)
        runs.finish(run, runs.Outcome(Task.Status(status), "Over."))
    found = scrape()
    name = "stagent_run_duration_seconds"
    assert found[key(f"{name}_count", "echo", "completed")] == 2
    assert found[key(f"{name}_count", "echo", "failed")] == 1
    assert found[key(f"{name}_bucket", "echo", "completed", "1.0")] == 0
    assert found[key(f"{name}_bucket", "echo", "completed", "5.0")] == 1
    assert found[key(f"{name}_bucket", "echo", "completed", "+Inf")] == 2
    assert 102 <= found[key(f"{name}_sum", "echo", "completed")] < 110


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_lost_counts_its_lease_and_its_end_once(scrape):
    run = RunFactory()
    assert run.claim("worker")
    Run.objects.update(lease_expires_at=timezone.now() - AN_HOUR)
    assert runs.expire(run)
    assert not runs.expire(run)
    found = scrape()
    assert found[key("stagent_lease_losses_total", "echo")] == 1
    assert found[key("stagent_run_duration_seconds_count", "echo", "lost")] == 1


@pytest.mark.django_db(transaction=True)
def test_an_end_that_is_taken_back_is_not_counted():
    run = RunFactory()
    assert run.claim("worker")
    other = RunFactory()  # nobody claimed it, so its task's live run is another's
    other.pk = uuid4()
    with pytest.raises(runs.LeaseLost):
        runs.finish(other, runs.Outcome(Task.Status.COMPLETED, "Over."))
    assert not RunTotal.objects.exists()


@pytest.mark.django_db
def test_tokens_and_costs_are_those_of_the_book(scrape):
    usage = Usage("anthropic", "claude-x", input_tokens=10, output_tokens=5)
    ids = {"task_id": uuid4(), "run_id": uuid4(), "runtime": "echo"}
    entry = LedgerEntry.objects.record(key="1", usage=usage, **ids)
    LedgerEntry.objects.record(key="1", usage=usage, **ids)  # delivered twice
    LedgerEntry.objects.record(key="2", usage=usage, **ids)
    LedgerEntry.objects.correct(entry, reason="a mistake")
    found = scrape()
    assert found[key("stagent_tokens_total", "anthropic", "claude-x", "input")] == 10
    assert found[key("stagent_tokens_total", "anthropic", "claude-x", "output")] == 5
    assert found[key("stagent_provider_requests_total", "anthropic", "claude-x")] == 1


@pytest.mark.django_db
def test_requests_that_wait_and_workers(scrape):
    request = PermissionRequestFactory()
    type(request).objects.update(created_at=timezone.now() - AN_HOUR)
    PermissionRequestFactory(status="allowed")
    WorkerFactory(concurrency=7)
    WorkerFactory(expires_at=timezone.now() - AN_HOUR)
    found = scrape()
    assert found[key("stagent_pending_requests")] == 1
    assert 3600 <= found[key("stagent_pending_request_oldest_age_seconds")] < 3700
    assert found[key("stagent_workers")] == 1
    assert found[key("stagent_worker_places")] == 7


@pytest.mark.django_db
def test_no_statement_reads_a_table_that_grows(scrape):
    RunFactory.create_batch(3, status=Run.Status.COMPLETED)
    with CaptureQueriesContext(connection) as caught:
        scrape()
    assert len(caught) == 11
    if connection.vendor == "sqlite":
        for query in caught.captured_queries:
            plan = explained(query["sql"])
            assert not any(
                line.startswith(f"SCAN {table}") and "INDEX" not in line
                for table in ("tasks_run", "tasks_permissionrequest", "tasks_delivery")
                for line in plan
                if not line.startswith("SCAN tasks_runtotal")
            ), plan


def explained(sql):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return [row[-1] for row in cursor.fetchall()]


@pytest.mark.django_db
def test_it_is_shown_to_who_may_view_the_ledger(api, settings):
    settings.STAGENT_REQUIRE_AUTH = True
    assert api.get("/metrics").status_code == 401
    _, text = ApiToken.objects.issue(name="prometheus", user=UserFactory())
    known = {"HTTP_AUTHORIZATION": f"Bearer {text}"}
    assert api.get("/metrics", **known).status_code == 403
    settings.STAGENT_METRICS_OPEN = True
    assert api.get("/metrics").status_code == 200
    assert api.get("/metrics", HTTP_HOST="evil.example").status_code == 400
    assert api.post("/metrics").status_code == 405


@pytest.mark.slow
def test_two_web_processes_tell_the_sum_of_both(tmp_path):
    with live.site(tmp_path) as site:
        assert site.manage("migrate", "-v0").returncode == 0
        first = site.daphne()
        with live.site(tmp_path) as other:
            other.environment = site.environment
            other.daphne()
            task_id = site.queue("say: hello")
            for client in (site.client, other.client):
                for _ in range(3):
                    client.get(f"/api/tasks/{task_id}")
                client.get("/api/nothing/here")
            with site.client.stream("GET", f"/api/tasks/{task_id}/logs") as stream:
                lines = stream.iter_lines()  # kept: the stream ends with it
                next(lines)
                found, again = (
                    parsed(client.get("/metrics").text)
                    for client in (site.client, other.client)
                )
            name = "stagent_http_request_seconds_count"
            assert found[key(name, "GET", "task", "2xx")] == 6
            assert again[key(name, "GET", "task", "2xx")] == 6
            assert found[key(name, "GET", "none", "4xx")] == 2
            assert found[key("stagent_stream_clients")] == 1
            live.kill(first)  # what it counted stays counted; its streams are gone
            left = parsed(other.client.get("/metrics").text)
            assert left[key(name, "GET", "task", "2xx")] == 6
            assert left.get(key("stagent_stream_clients"), 0) == 0


def test_what_a_process_counts_has_its_place_on_the_disk():
    """On a disk that is full it would else end by a signal."""
    files = list(request_metrics.FOLDER.glob(f"*_{os.getpid()}.db"))
    assert len(files) == 2
    for file in files:
        found = file.stat()
        assert found.st_blocks * 512 >= found.st_size == request_metrics.RESERVED_BYTES
