"""/api/webhooks: subscribed, changed, tried, and the log of deliveries."""

import pytest

from tasks.models import Delivery, Webhook
from tests.factories import ProjectFactory

BODY = {"name": "Bot", "url": "https://hooks.example.com/x"}


@pytest.fixture
def webhook(api):
    return Webhook.objects.get(pk=api.post("/api/webhooks", BODY).json()["id"])


def test_the_secret_is_shown_once(api):
    made = api.post("/api/webhooks", {**BODY, "events": ["task.failed"]})
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    path = f"/api/webhooks/{made.json()['id']}"
    for shown in (api.get(path).json(), *api.get("/api/webhooks").json()):
        assert "secret" not in shown
        assert shown["events"] == ["task.failed"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": None}, "url"),
        ({"name": ""}, "name"),
        ({"events": ["task.exploded"]}, "events"),
        ({"events": ["webhook.test"]}, "events"),
        ({"projectId": "nowhere"}, "projectId"),
        ({"format": "xml"}, "format"),
        ({"secret": "short"}, "secret"),
    ],
)
def test_what_is_no_webhook_is_refused_with_the_field(api, webhook, change, field):
    for answer in (
        api.post("/api/webhooks", {**BODY, **change}),
        api.patch(f"/api/webhooks/{webhook.pk}", change),
    ):
        assert answer.status_code == 400
        assert field in answer.json()["error"]["fieldErrors"]
    assert Webhook.objects.get().url == BODY["url"]


def test_it_is_changed_paused_and_resumed(api, webhook):
    path = f"/api/webhooks/{webhook.pk}"
    project = ProjectFactory()
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    change = {"projectId": project.pk, "status": "paused", "secret": secret}
    changed = api.patch(path, change)
    assert changed.status_code == 200
    assert changed.json()["projectId"] == project.pk
    assert changed.json()["pauseReason"].startswith("Paused by ")
    assert Webhook.objects.get().secret == secret
    assert api.patch(path, {"status": "active"}).json()["pauseReason"] is None


def test_a_test_and_a_redelivery_are_in_the_log(api, webhook):
    path = f"/api/webhooks/{webhook.pk}"
    made = api.post(f"{path}/test")
    assert (made.status_code, made.json()["eventType"]) == (202, "webhook.test")
    Delivery.objects.update(status="failed", attempts=10, response_status=500)
    [failed] = api.get(f"{path}/deliveries?status=failed").json()
    assert (failed["attempts"], failed["nextAttemptAt"]) == (10, None)
    one = f"{path}/deliveries/{failed['id']}"
    again = api.post(f"{one}/redeliver")
    assert (again.status_code, again.json()["status"]) == (202, "pending")
    assert api.get(one).json() == again.json()
    assert api.get(f"{path}/deliveries?status=failed").json() == []


def test_it_goes_with_its_deliveries(api, webhook):
    api.post(f"/api/webhooks/{webhook.pk}/test")
    assert api.delete(f"/api/webhooks/{webhook.pk}").json() == {"success": True}
    assert not Delivery.objects.exists()
    assert api.get(f"/api/webhooks/{webhook.pk}").status_code == 404


def test_a_delivery_of_another_webhook_is_not_there(api, webhook):
    other = Webhook.objects.create(name="Other", url=BODY["url"])
    made = api.post(f"/api/webhooks/{webhook.pk}/test").json()
    path = f"/api/webhooks/{other.pk}/deliveries/{made['id']}"
    assert api.get(path).status_code == 404
    assert api.post(f"{path}/redeliver").status_code == 404


def test_the_lists_take_a_fixed_number_of_queries(
    api, webhook, django_assert_max_num_queries
):
    path = f"/api/webhooks/{webhook.pk}"
    for _ in range(9):
        api.post(f"{path}/test")
    # The webhook, its deliveries with their events, and once a second whether there are tokens.
    with django_assert_max_num_queries(3):
        assert len(api.get(f"{path}/deliveries").json()) == 9
