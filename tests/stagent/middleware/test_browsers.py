"""Sessions and logins are for browsers; a client of the API is not given any."""

import pytest

from tests.factories import SuperuserFactory

pytestmark = pytest.mark.django_db


def test_a_client_without_cookies_gets_none(client):
    answer = client.get("/api/tasks")
    assert answer.status_code == 200
    assert not hasattr(answer.wsgi_request, "session")
    assert not answer.cookies


def test_a_browser_that_is_logged_in_is_known_to_the_api(client, settings):
    settings.STAGENT_REQUIRE_AUTH = True
    assert client.get("/api/tasks").status_code == 401
    client.force_login(SuperuserFactory())
    assert client.get("/api/tasks").status_code == 200


def test_the_login_page_has_a_session_without_a_cookie_yet(client):
    answer = client.get("/admin/login/")
    assert answer.status_code == 200
    assert hasattr(answer.wsgi_request, "session")
    assert "csrftoken" in answer.cookies
