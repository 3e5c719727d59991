"""An open stream ends when its reader is no longer let in."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from tasks.access import authentication
from tasks.models import ApiToken
from tasks.streams.access import is_let_in
from tests import live
from tests.conftest import Client
from tests.factories import TaskFactory, UserFactory


@pytest.fixture
def user(db):
    user = UserFactory(username="reader")
    user.user_permissions.add(Permission.objects.get(codename="view_task"))
    return user


def streaming(client):
    """Begin to stream a log, and return the request as the stream keeps it."""
    answer = client.get(f"/api/tasks/{TaskFactory().pk}/logs")
    assert answer.status_code == 200
    request = answer.wait_until_shut_out.args[0]
    assert is_let_in(request)
    return request


def by_token(user):
    _, text = ApiToken.objects.issue(name="ci", user=user)
    authentication.forget_open()
    return Client(HTTP_HOST="localhost:3000", HTTP_AUTHORIZATION=f"Bearer {text}")


def by_session(user):
    client = Client(HTTP_HOST="localhost:3000")
    client.force_login(user)
    return client


def revoke(user):
    ApiToken.objects.all().delete()


def expire(user):
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def lock_out(user):
    User.objects.update(is_active=False)


def take_the_right(user):
    user.user_permissions.clear()


def log_out(user):
    SessionStore.get_model_class().objects.all().delete()


def change_the_password(user):
    user.set_password("another")
    user.save()


@pytest.mark.parametrize(
    ("login", "end"),
    [
        *[(by_token, end) for end in (revoke, expire, lock_out, take_the_right)],
        *[(by_session, end) for end in (log_out, change_the_password)],
        *[(by_session, end) for end in (lock_out, take_the_right)],
    ],
)
def test_what_ends_a_login_ends_its_streams(settings, user, login, end):
    settings.STAGENT_REQUIRE_AUTH = True
    request = streaming(login(user))
    end(user)
    assert not is_let_in(request)


def test_the_first_token_shuts_out_who_needed_none(api):
    request = streaming(api)
    by_token(UserFactory())
    assert not is_let_in(request)


@pytest.mark.slow
@pytest.mark.parametrize("server", ["serve", "serve_on_uvicorn", "uvicorn"])
def test_revoking_a_token_ends_its_stream_and_no_other(tmp_path, server):
    with live.site(tmp_path, STAGENT_REQUIRE_AUTH="1") as site:
        tokens = [site.manage("issuetoken", name).stdout.strip() for name in "ab"]
        site.client.headers["Authorization"] = f"Bearer {tokens[1]}"
        getattr(site, server)()
        path = f"/api/tasks/{site.queue('finish: x')}/logs"
        login = {"Authorization": f"Bearer {tokens[0]}"}
        with (
            site.client.stream("GET", path, headers=login) as revoked,
            site.client.stream("GET", path) as other,
        ):
            lines, others = revoked.iter_lines(), other.iter_lines()
            assert next(lines) == next(others) == "retry: 2000"
            remove = "from tasks.models import ApiToken as T; T.objects.filter(name='a').delete()"
            assert site.manage("shell", "-c", remove).returncode == 0
            assert "ancelled" not in "".join(lines)  # it has an end
            assert site.client.get(path, headers=login).status_code == 401
            site.client.post(f"{path.removesuffix('/logs')}/cancel")
            assert any("ancelled" in line for line in others)
