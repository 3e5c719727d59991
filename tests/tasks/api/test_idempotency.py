"""`Idempotency-Key`: the same POST again is done once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import get_resolver
from django.utils import timezone
from rest_framework.views import APIView

from tasks.api.idempotency import REPLAYED, IdempotentPosts
from tasks.models import ApiToken, Document, IdempotencyKey, Run, Task
from tests.conftest import Client
from tests.factories import TaskFactory, UserFactory

KEY = {"HTTP_IDEMPOTENCY_KEY": "order-7"}


def views():
    """Yield every view of the API, with its path."""
    for part in get_resolver().url_patterns:
        for pattern in getattr(part, "url_patterns", ()):
            view = getattr(pattern.callback, "cls", None)
            if str(part.pattern) == "api/" and view:
                yield pattern.pattern, view


@pytest.mark.parametrize(
    "view",
    sorted({view for _, view in views()}, key=lambda view: view.__name__),
    ids=lambda view: view.__name__,
)
def test_every_view_of_the_api_heeds_the_header(view):
    assert issubclass(view, IdempotentPosts)
    assert issubclass(view, APIView)


@pytest.mark.django_db
class TestOneAfterTheOther:
    def test_the_same_again_is_done_once_and_answered_the_same(self, api):
        first = api.post("/api/tasks", {"title": "Buy"}, **KEY)
        again = api.post("/api/tasks", {"title": "Buy"}, **KEY)
        assert (again.status_code, again.json()) == (201, first.json())
        assert again["Content-Type"] == first["Content-Type"]
        assert (REPLAYED in first, again[REPLAYED]) == (False, "true")
        assert Task.objects.count() == 1

    def test_without_the_header_the_same_again_is_another(self, api):
        for _ in range(2):
            assert api.post("/api/tasks", {"title": "Buy"}).status_code == 201
        assert (Task.objects.count(), IdempotencyKey.objects.count()) == (2, 0)

    def test_another_body_with_the_same_key_is_422(self, api):
        api.post("/api/tasks", {"title": "Buy"}, **KEY)
        response = api.post("/api/tasks", {"title": "Sell"}, **KEY)
        assert response.status_code == 422
        assert "another request" in response.json()["error"]
        assert Task.objects.get().title == "Buy"

    def test_another_route_with_the_same_key_is_422(self, api):
        task = TaskFactory(status="queued")
        api.post(f"/api/tasks/{task.pk}/cancel", **KEY)
        response = api.post(f"/api/tasks/{task.pk}/execute", **KEY)
        assert response.status_code == 422

    def test_a_run_is_started_once(self, api):
        task = TaskFactory(status="queued")
        for _ in range(2):
            response = api.post(f"/api/tasks/{task.pk}/execute", **KEY)
            assert response.status_code == 202
        assert Run.objects.count() == 1

    def test_a_refusal_is_answered_the_same_too(self, api):
        task = TaskFactory()
        url = f"/api/tasks/{task.pk}/execute"
        first = api.post(url, **KEY)
        Task.objects.update(status="queued")
        again = api.post(url, **KEY)
        assert (first.status_code, again.status_code) == (400, 400)
        assert again.json() == first.json()
        assert api.post(url, HTTP_IDEMPOTENCY_KEY="order-8").status_code == 202

    def test_invalid_bodies_are_answered_the_same(self, api):
        first = api.post("/api/tasks", {"title": ""}, **KEY)
        again = api.post("/api/tasks", {"title": ""}, **KEY)
        assert first.status_code == again.status_code == 400
        assert again.json() == first.json()
        assert again.json()["error"]["fieldErrors"]["title"]

    def test_not_now_is_not_kept(self, api):
        task = TaskFactory(status="queued")
        api.post("/api/budgets", {"scope": "overall", "period": "daily", "limitUsd": 0})
        url = f"/api/tasks/{task.pk}/execute"
        refused = api.post(url, **KEY)
        assert (refused.status_code, IdempotencyKey.objects.count()) == (429, 0)

    def test_a_day_later_the_key_is_new(self, api):
        api.post("/api/tasks", {"title": "Buy"}, **KEY)
        long_ago = timezone.now() - timedelta(days=1, seconds=1)
        IdempotencyKey.objects.update(created_at=long_ago)
        response = api.post("/api/tasks", {"title": "Sell"}, **KEY)
        assert response.status_code == 201
        assert IdempotencyKey.objects.count() == 1

    def test_old_keys_go_when_new_ones_come(self, api):
        long_ago = timezone.now() - timedelta(days=2)
        rows = [IdempotencyKey(key=str(i), created_at=long_ago) for i in range(5)]
        IdempotencyKey.objects.bulk_create(rows)
        api.post("/api/tasks", {"title": "Buy"}, **KEY)
        assert [row.key for row in IdempotencyKey.objects.all()] == ["order-7"]

    @pytest.mark.parametrize("key", ["", "a" * 256, "naïve", "tab\tbed"])
    def test_a_key_that_is_none_is_400(self, api, key):
        response = api.post("/api/tasks", {"title": "Buy"}, HTTP_IDEMPOTENCY_KEY=key)
        assert response.status_code == 400
        assert "Idempotency-Key" in response.json()["error"]["formErrors"][0]
        assert not Task.objects.exists()

    def test_a_key_on_what_is_no_post_is_nothing(self, api):
        assert api.get("/api/tasks", **KEY).status_code == 200
        assert api.put("/api/tasks", {}, **KEY).status_code == 405
        assert api.post("/api/runtimes", {}, **KEY).status_code == 405

    def test_an_upload_counts_by_its_fields_not_its_boundaries(self, api):
        for name, code in (("a.txt", 201), ("a.txt", 201), ("b.txt", 422)):
            file = SimpleUploadedFile(name, b"content")
            response = api.post(
                "/api/documents", {"file": file}, format="multipart", **KEY
            )
            assert response.status_code == code
        with Document.objects.get().file.open() as kept:
            assert kept.read() == b"content"

    def test_what_each_costs(self, api, django_assert_num_queries):
        api.post("/api/tasks", {"title": "Warm"}, HTTP_IDEMPOTENCY_KEY="warm")
        # On PostgreSQL the audit's entry comes in the statement that makes the task.
        count = 10 if connection.vendor == "postgresql" else 11
        with django_assert_num_queries(count):
            api.post("/api/tasks", {"title": "Buy"}, **KEY)

    def test_a_key_is_its_users_own(self, api):
        for _ in range(2):
            user = UserFactory(is_superuser=True, is_staff=True)
            _, secret = ApiToken.objects.issue(user=user, name="t")
            response = Client(HTTP_HOST="localhost:3000").post(
                "/api/tasks",
                {"title": "Buy"},
                HTTP_AUTHORIZATION=f"Bearer {secret}",
                **KEY,
            )
            assert response.status_code == 201
        assert Task.objects.count() == 2


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_of_many_at_once_one_is_done(self, api):
        def post(_):
            try:
                client = Client(HTTP_HOST="localhost:3000")
                return client.post("/api/tasks", {"title": "Buy"}, **KEY)
            finally:
                connection.close()

        with ThreadPoolExecutor(6) as pool:
            responses = list(pool.map(post, range(6)))
        assert {r.status_code for r in responses} == {201}
        assert len({r.json()["id"] for r in responses}) == 1
        assert sum(REPLAYED in r for r in responses) == 5
        assert Task.objects.count() == 1

    def test_a_failure_of_ours_leaves_nothing(self, api, monkeypatch):
        api.raise_request_exception = False

        def fail(*args, **kwargs):
            raise RuntimeError("out of order")

        with monkeypatch.context() as patched:
            patched.setattr("tasks.api.views.tasks.represent_new_task", fail)
            assert api.post("/api/tasks", {"title": "Buy"}, **KEY).status_code == 500
        assert (Task.objects.count(), IdempotencyKey.objects.count()) == (0, 0)
        assert api.post("/api/tasks", {"title": "Buy"}, **KEY).status_code == 201

    def test_a_project_that_goes_before_the_commit_is_a_field_error(
        self, api, monkeypatch
    ):
        checked = []

        def check(data):
            # At first as if it were there: the database finds that it is not.
            checked.append(data)
            if len(checked) > 1:
                real(data)

        from tasks.api.views import tasks as views_of_tasks  # noqa: PLC0415

        real = views_of_tasks.check_references
        monkeypatch.setattr(views_of_tasks, "check_references", check)
        body = {"title": "Buy", "projectId": "gone"}
        response = api.post("/api/tasks", body, **KEY)
        assert response.status_code == 400
        assert response.json()["error"]["fieldErrors"]["projectId"]
