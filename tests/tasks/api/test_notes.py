"""Notes: what a person is told and need not answer; and what of all was read."""

from django.contrib.auth.models import Permission

from tasks import lifecycle
from tasks.models import ApiToken, OutboxEvent, Task
from tests.factories import PermissionRequestFactory, TaskFactory, UserFactory

URL = "/api/notifications"


def end(status, **values):
    task = TaskFactory(status="running", **values)
    lifecycle.record_status(task, status, by="ann")
    return task


def test_the_list_without_a_type_is_of_requests_alone(api):
    asked = PermissionRequestFactory()
    end(Task.Status.COMPLETED)
    assert [one["id"] for one in api.get(URL).json()] == [asked.pk]


def test_ends_of_tasks_are_found_by_type_and_task(api):
    done, failed = end(Task.Status.COMPLETED, title="Count"), end(Task.Status.FAILED)
    end(Task.Status.CANCELLED)
    both = api.get(f"{URL}?type=notes").json()
    assert [one["type"] for one in both] == ["task_failed", "task_completed"]
    [one] = api.get(f"{URL}?type=task_completed").json()
    assert (one["taskId"], one["title"], one["read"]) == (str(done.pk), "Count", False)
    [own] = api.get(f"{URL}?type=notes&taskId={failed.pk}").json()
    assert api.get(f"{URL}/{own['id']}").json() == own
    assert api.get(f"{URL}?type=notes&status=pending").json() == []


def test_pages_of_notes_leave_nothing_out(api):
    for _ in range(5):
        end(Task.Status.FAILED)
    found, url = [], f"{URL}?type=notes&limit=2"
    while url:
        page = api.get(url)
        found += [one["id"] for one in page.json()]
        url = page.get("Link", "").partition(">")[0].lstrip("<")
    assert len(found) == len(set(found)) == 5


def test_each_kind_is_marked_as_read_and_back(api):
    end(Task.Status.FAILED)
    [note] = api.get(f"{URL}?type=notes").json()
    for one in (PermissionRequestFactory().pk, note["id"]):
        assert api.patch(f"{URL}/{one}", {"read": True}).json()["read"] is True
        assert api.get(f"{URL}/{one}").json()["read"] is True
        assert api.patch(f"{URL}/{one}", {"read": False}).json()["read"] is False
        assert api.patch(f"{URL}/{one}", {"read": "yes"}).status_code == 400
    assert api.patch(f"{URL}/nowhere", {"read": True}).status_code == 404


def test_all_are_marked_at_once_or_those_of_a_task(api):
    task = end(Task.Status.FAILED)
    end(Task.Status.FAILED)
    asked = PermissionRequestFactory()
    body = {"taskId": str(task.pk)}
    assert api.patch(f"{URL}/mark-all-read", body).json() == {"marked": 1}
    assert len(api.get(f"{URL}?type=notes&read=false").json()) == 1
    assert api.patch(f"{URL}/mark-all-read", {}).json() == {"marked": 2}
    assert api.get(f"{URL}?read=false").json() == []
    [one] = api.get(f"{URL}?read=true").json()
    assert (one["id"], one["status"]) == (asked.pk, "pending")


def test_notes_on_budgets_are_for_who_may_view_budgets(api, settings):
    settings.STAGENT_REQUIRE_AUTH = True
    user = UserFactory()
    names = ["view_task", "view_permissionrequest"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    _, text = ApiToken.objects.issue(name="ci", user=user)
    OutboxEvent.objects.create(type="budget.warning", message="80 %")
    headers = {"Authorization": f"Bearer {text}"}
    assert api.get(f"{URL}?type=notes", headers=headers).json() == []
