"""The pages of webhooks: the secret once, the test, what came of deliveries."""

import pytest
from django.urls import reverse

from tasks.models import Delivery, Webhook
from tasks.webhooks import changes
from tests.factories import UserFactory

URL = "https://hooks.example.com/x"


@pytest.fixture
def webhook(db):
    return Webhook.objects.create(name="Bot", url=URL)


def page(webhook):
    return reverse("admin:tasks_webhook_change", args=[webhook.pk])


def do(client, webhook, name):
    url = reverse("admin:tasks_webhook_do", args=[webhook.pk, name])
    return client.post(url, follow=True).content.decode()


def test_a_new_one_shows_its_secret_once(admin_client):
    form = {"name": "Bot", "url": URL, "format": "standard", "types": ["task.failed"]}
    url = reverse("admin:tasks_webhook_add")
    shown = admin_client.post(url, form, follow=True).content.decode()
    made = Webhook.objects.get()
    assert (made.types, made.created_by) == (["task.failed"], "admin")
    assert made.secret in shown
    assert made.secret not in admin_client.get(page(made)).content.decode()


def test_a_private_address_is_refused_in_the_form(admin_client):
    form = {"name": "Bot", "url": "http://10.0.0.1/", "format": "standard"}
    shown = admin_client.post(reverse("admin:tasks_webhook_add"), form)
    assert "no public address" in shown.content.decode()
    assert not Webhook.objects.exists()


def test_it_is_tried_paused_resumed_and_given_another_secret(admin_client, webhook):
    assert "webhook.test" in do(admin_client, webhook, "test")
    assert "Paused by admin." in do(admin_client, webhook, "pause")
    assert Webhook.objects.get().status == "paused"
    do(admin_client, webhook, "resume")
    assert Webhook.objects.get().status == "active"
    shown = do(admin_client, webhook, "new_secret")
    assert Webhook.objects.get().secret != webhook.secret
    assert Webhook.objects.get().secret in shown


def test_what_a_receiver_says_is_shown_as_text_and_sent_again(admin_client, webhook):
    delivery = changes.send_test(webhook)
    rows = Delivery.objects.filter(pk=delivery.pk)
    rows.update(status="failed", response_status=500, response_text="<script>x")
    shown = admin_client.get(page(webhook)).content.decode()
    assert "&lt;script&gt;x" in shown
    assert "<script>x" not in shown
    url = reverse("admin:tasks_webhook_redeliver", args=[webhook.pk, delivery.pk])
    admin_client.post(url)
    assert rows.get().status == "pending"


def test_who_has_no_right_changes_nothing(client, webhook):
    client.force_login(UserFactory(is_staff=True))
    url = reverse("admin:tasks_webhook_do", args=[webhook.pk, "pause"])
    assert client.post(url).status_code == 403
    assert Webhook.objects.get().status == "active"
