"""Real workers: one that is killed while it sends, and several that send at once."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from tests import live
from tests.servers import receiver as receivers
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

ALLOW = {"STAGENT_WEBHOOK_ALLOW": "127.0.0.0/8"}


def test_what_a_killed_worker_was_sending_is_sent_again_with_the_same_id(tmp_path):
    with live.site(tmp_path, **ALLOW) as site, receivers.running() as receiver:
        site.daphne()
        body = {"name": "x", "url": receiver.url, "events": ["task.queued"]}
        made = site.client.post("/api/webhooks", json=body)
        assert made.status_code == 201, made.text
        receiver.open.clear()
        worker = site.worker()
        site.queue("finish: x")
        wait_for(lambda: receiver.requests)
        worker.kill()
        worker.wait()
        receiver.open.set()
        path = f"/api/webhooks/{made.json()['id']}/deliveries"
        [delivery] = site.client.get(path).json()
        assert (delivery["status"], delivery["attempts"]) == ("pending", 1)
        # The lease of the killed one ends now.
        past = timezone.now() - timedelta(seconds=1)
        site.execute_sql(
            f"UPDATE tasks_delivery SET next_attempt_at = '{past:%Y-%m-%d %H:%M:%S}'"
        )
        site.worker()
        wait_for(
            lambda: site.client.get(path).json()[0]["status"] == "delivered",
        )
        first, second = receiver.requests
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body


def test_three_workers_deliver_every_event_of_a_run_once(tmp_path):
    with live.site(tmp_path, **ALLOW) as site, receivers.running() as receiver:
        site.daphne()
        site.client.post("/api/webhooks", json={"name": "x", "url": receiver.url})
        for _ in range(3):
            site.worker()
        tasks = [site.execute("finish: x") for _ in range(5)]
        wait_for(lambda: len(receiver.requests) >= 15)
        told = [json.loads(request.body) for request in receiver.requests]
        found = sorted((one["data"]["taskId"], one["type"]) for one in told)
        types = ("task.completed", "task.queued", "task.running")
        assert found == sorted((task, kind) for task in tasks for kind in types)
