"""What a reader has is not sent again, and nobody overwrites what another has changed."""

import pytest

from tasks.models import Task
from tests.factories import TaskFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def url():
    return f"/api/tasks/{TaskFactory().pk}"


def test_a_reader_who_has_it_gets_no_body(api, url):
    first = api.get(url)
    again = api.get(url, HTTP_IF_NONE_MATCH=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]


def test_what_has_changed_is_sent(api, url):
    etag = api.get(url)["ETag"]
    changed = api.patch(url, {"title": "Another"})
    response = api.get(url, HTTP_IF_NONE_MATCH=etag)
    assert response.status_code == 200
    assert response["ETag"] == changed["ETag"] != etag


def test_a_change_of_what_was_read_is_made(api, url):
    etag = api.get(url)["ETag"]
    response = api.patch(url, {"title": "Mine"}, HTTP_IF_MATCH=etag)
    assert response.status_code == 200
    assert response.json()["title"] == "Mine"


@pytest.mark.parametrize("change", [{"title": "Mine"}, {"status": "queued"}])
def test_a_change_of_what_another_has_changed_is_refused(api, url, change):
    etag = api.get(url)["ETag"]
    api.patch(url, {"title": "Theirs"})
    response = api.patch(url, change, HTTP_IF_MATCH=etag)
    assert response.status_code == 412
    assert "read it again" in response.json()["error"]
    task = Task.objects.get()
    assert (task.title, task.status) == ("Theirs", "planned")


def test_any_match_needs_but_a_task(api, url):
    assert api.patch(url, {"title": "x"}, HTTP_IF_MATCH="*").status_code == 200
    gone = f"{url[:-4]}0000"
    assert api.patch(gone, {"title": "x"}, HTTP_IF_MATCH="*").status_code == 404


def test_a_change_that_does_not_fit_is_400_whatever_matches(api, url):
    response = api.patch(url, {"priority": 9}, HTTP_IF_MATCH='"other"')
    assert response.status_code == 400


def test_a_change_that_fails_changes_nothing(api, url):
    etag = api.get(url)["ETag"]
    response = api.patch(url, {"title": "x", "status": "running"}, HTTP_IF_MATCH=etag)
    assert response.status_code == 400
    assert api.get(url)["ETag"] == etag
