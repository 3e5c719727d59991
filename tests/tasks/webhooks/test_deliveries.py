"""Deliveries to a real receiver: signed, tried again, given up, never twice at once."""

import asyncio
import json
from datetime import timedelta
from ipaddress import ip_network

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from agents.worker import webhooks as worker
from tasks import lifecycle
from tasks.models import Delivery, OutboxEvent, Task, Webhook
from tasks.webhooks import attempts, changes
from tasks.webhooks.publication import publish_all
from tasks.webhooks.retention import remove_old_events
from tasks.webhooks.sending import Outcome
from tests.factories import PermissionRequestFactory, ProjectFactory, TaskFactory
from tests.servers import receiver as receivers
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

FAILURE = Outcome(1, 500)


@pytest.fixture
def receiver(settings):
    settings.STAGENT_WEBHOOK_ALLOW = [ip_network("127.0.0.0/8")]
    with receivers.running() as receiver:
        yield receiver


@pytest.fixture
def webhook(receiver):
    return Webhook.objects.create(name="Bot", url=receiver.url)


def queue_one(**values):
    task = TaskFactory(**values)
    lifecycle.record_status(task, Task.Status.QUEUED, by="ann")
    return task


def deliver():
    """Do as a worker does, until nothing is due."""

    async def work():
        sender = worker.WebhookSender()
        await sender.look()
        while sender._sending:
            await asyncio.wait(list(sender._sending))
            await sender.look()

    asyncio.run(work())


def make_due():
    Delivery.objects.update(next_attempt_at=timezone.now())


def test_an_event_comes_signed_once(webhook, receiver):
    task = queue_one(title="Zähle")
    deliver()
    deliver()
    [request] = receiver.requests
    told = Verifier(webhook.secret).verify(request.body, request.headers)
    assert told["type"] == "task.queued"
    assert told["data"]["taskId"] == str(task.pk)
    assert told["data"]["title"] == "Zähle"
    assert told["data"]["sequence"] == 1
    assert told["data"]["url"].endswith(f"/admin/tasks/task/{task.pk}/change/")
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("delivered", 1)
    assert delivery.response_status == 204
    with pytest.raises(WebhookVerificationError):
        Verifier(webhook.secret).verify(request.body + b" ", request.headers)


def test_what_fails_is_tried_again_with_the_same_id(webhook, receiver):
    receiver.status, receiver.text = 500, b"broken\0" + b"x" * 5_000
    queue_one()
    deliver()
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("pending", 1)
    assert delivery.response_text.startswith("brokenx")
    assert len(delivery.response_text) < 1_024
    assert delivery.next_attempt_at > timezone.now() + timedelta(seconds=3)
    receiver.status = 200
    make_due()
    deliver()
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert Delivery.objects.get().status == "delivered"
    assert Webhook.objects.get().failing_since is None


HOUR = 3_600
LONGEST = 20 * HOUR


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("3600", HOUR, 1.1 * HOUR),
        ("1", 5, 5.5),  # never earlier than without
        ("9" * 12, LONGEST, 1.1 * LONGEST),
        ("Wed, 01 Jan 2200 00:00:00 GMT", LONGEST, 1.1 * LONGEST),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 5, 5.5),
        ("soon", 5, 5.5),
    ],
)
def test_a_receiver_is_left_alone_as_long_as_it_asks(
    webhook, receiver, asked, least, most
):
    receiver.status, receiver.more = 503, {"Retry-After": asked}
    queue_one()
    deliver()
    delivery = Delivery.objects.get()
    wait = (delivery.next_attempt_at - delivery.attempted_at).total_seconds()
    assert least <= wait <= most
    assert delivery.status == "pending"


def test_it_is_given_up_after_three_days_of_attempts(webhook):
    changes.send_test(webhook)
    waited = 0.0
    while Delivery.objects.get().status == "pending":
        make_due()
        [claimed] = attempts.claim_due(1)
        assert attempts.record(claimed, FAILURE)
        left = Delivery.objects.get().next_attempt_at - timezone.now()
        waited += max(left.total_seconds(), 0)
    assert Delivery.objects.get().attempts == len(attempts.WAITS) + 1
    assert 2.9 < waited / 86_400 < 3.4


def test_a_claim_is_one_workers_until_it_is_gone(webhook):
    changes.send_test(webhook)
    [first] = attempts.claim_due(5)
    assert attempts.claim_due(5) == []
    make_due()  # its worker was killed, or only slow
    [second] = attempts.claim_due(5)
    assert second.pk == first.pk
    assert not attempts.record(first, Outcome(1, 200))
    assert Delivery.objects.get().status == "pending"
    assert attempts.record(second, Outcome(1, 200))
    assert Delivery.objects.get().status == "delivered"


def test_of_two_workers_at_once_each_sends_others(webhook, receiver):
    for _ in range(12):
        changes.send_test(webhook)

    async def work():
        senders = [worker.WebhookSender() for _ in range(3)]

        async def all_is_sent():
            await asyncio.gather(*(sender.look() for sender in senders))
            return not await sync_to_async(Delivery.objects.pending().count)()

        await until(all_is_sent)

    asyncio.run(work())
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert len(ids) == len(set(ids)) == 12


def test_a_slow_receiver_leaves_room_for_others(webhook, receiver):
    receiver.open.clear()
    for _ in range(worker.MOST_AT_ONCE):
        changes.send_test(webhook)
    with receivers.running() as quick:
        other = Webhook.objects.create(name="Quick", url=quick.url)
        changes.send_test(other)

        async def work():
            sender = worker.WebhookSender()

            async def quick_has_it():
                await sender.look()
                return quick.requests

            await until(quick_has_it)
            await sender.close()

        asyncio.run(work())
    assert len(receiver.requests) < worker.MOST_AT_ONCE


def test_a_redirect_is_not_followed(webhook, receiver):
    with receivers.running() as elsewhere:
        receiver.status, receiver.more = 302, {"Location": elsewhere.url}
        changes.send_test(webhook)
        deliver()
        assert elsewhere.requests == []
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.response_status) == ("pending", 302)
    assert "not followed" in delivery.error


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_address_gets_nothing_even_by_its_name(receiver, settings, host):
    settings.STAGENT_WEBHOOK_ALLOW = []
    url = receiver.url.replace("127.0.0.1", host)
    changes.send_test(Webhook.objects.create(name="x", url=url))
    deliver()
    assert receiver.requests == []
    assert "no public address" in Delivery.objects.get().error


def test_nobody_there_is_a_failure_like_others(settings):
    settings.STAGENT_WEBHOOK_ALLOW = [ip_network("127.0.0.0/8")]
    changes.send_test(Webhook.objects.create(name="x", url="http://127.0.0.1:9/"))
    deliver()
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.response_status) == ("pending", None)
    assert delivery.error


def test_days_of_failure_pause_it_and_a_success_starts_anew(webhook, settings):
    long_ago = timezone.now() - timedelta(days=settings.STAGENT_WEBHOOK_PAUSE_DAYS)
    Webhook.objects.update(failing_since=long_ago)
    changes.send_test(webhook)
    [claimed] = attempts.claim_due(1)
    attempts.record(claimed, FAILURE)
    webhook.refresh_from_db()
    assert (webhook.status, webhook.pause_reason) == (
        "paused",
        "All its deliveries of 5 days have failed.",
    )
    make_due()
    assert attempts.claim_due(1) == []
    queue_one()
    publish_all()
    assert Delivery.objects.count() == 1  # what happens in a pause is not sent
    changes.resume(webhook.pk)
    [claimed] = attempts.claim_due(1)
    attempts.record(claimed, Outcome(1, 200))
    webhook.refresh_from_db()
    assert (webhook.status, webhook.failing_since) == ("active", None)


def test_a_receiver_that_is_gone_for_good_is_sent_no_more(webhook, receiver):
    receiver.status = 410
    changes.send_test(webhook)
    deliver()
    assert Delivery.objects.get().status == "failed"
    assert Webhook.objects.get().status == "paused"


def test_a_subscription_chooses_its_events_and_project(receiver):
    project = ProjectFactory()
    Webhook.objects.create(
        name="x", url=receiver.url, types=["task.queued"], project=project
    )
    queue_one()
    own = queue_one(project=project)
    lifecycle.cancel(own, by="ann")
    deliver()
    told = [json.loads(request.body) for request in receiver.requests]
    assert [(one["type"], one["data"]["taskId"]) for one in told] == [
        ("task.queued", str(own.pk))
    ]


def test_redelivering_sends_the_same_again(webhook, receiver):
    queue_one()
    deliver()
    changes.redeliver(Delivery.objects.get())
    deliver()
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_slack_gets_a_text_with_a_link_to_the_request(receiver, settings):
    settings.STAGENT_PUBLIC_URL = "https://stagent.example.com"
    Webhook.objects.create(name="x", url=receiver.url, format="slack")
    asked = PermissionRequestFactory()
    OutboxEvent.objects.create(
        type="permission.requested",
        task_id=asked.task_id,
        title="<!channel> & co",
        message="Permission needed: write <b>",
        data={"notificationId": asked.pk},
    )
    deliver()
    [request] = receiver.requests
    text = json.loads(request.body)["text"]
    assert "*&lt;!channel&gt; &amp; co*: Permission needed: write &lt;b&gt;" in text
    page = f"https://stagent.example.com/admin/tasks/permissionrequest/{asked.pk}"
    assert f"<{page}/change/|Open the request>" in text


def test_the_link_leads_to_the_pages_of_the_admin():
    asked = PermissionRequestFactory()
    for name, key in [("permissionrequest", asked.pk), ("task", asked.task_id)]:
        url = reverse(f"admin:tasks_{name}_change", args=[key])
        assert url == f"/admin/tasks/{name}/{key}/change/"


def test_old_events_go_with_their_deliveries_but_not_what_is_pending(webhook):
    changes.send_test(webhook)
    queue_one()
    publish_all()
    sent, pending = Delivery.objects.order_by("created_at")
    Delivery.objects.filter(pk=sent.pk).update(status="delivered")
    assert remove_old_events(timezone.now() + timedelta(seconds=1)) == 1
    assert list(Delivery.objects.all()) == [pending]


def test_old_events_are_pruned_by_the_command(webhook, capsys):
    changes.send_test(webhook)
    Delivery.objects.update(status="delivered")
    past = timezone.now() - timedelta(hours=3)
    OutboxEvent.objects.update(created_at=past)
    queue_one()
    publish_all()
    options = ("--older-than", "2h", "--events")
    call_command("prune", *options, "--dry-run")
    assert "Would remove 1 events." in capsys.readouterr().out
    assert OutboxEvent.objects.count() == 2
    call_command("prune", *options)
    assert "Removed 1 events." in capsys.readouterr().out
    assert [event.type for event in OutboxEvent.objects.all()] == ["task.queued"]


def test_the_metrics_tell_of_deliveries(webhook, api):
    changes.send_test(webhook)
    [claimed] = attempts.claim_due(1)
    attempts.record(claimed, FAILURE)
    text = api.get("/metrics").content.decode()
    assert "stagent_pending_deliveries 1.0" in text
    assert "stagent_retried_deliveries 1.0" in text
    assert "stagent_failing_webhooks 1.0" in text
    assert 'stagent_webhooks{status="active"} 1.0' in text
