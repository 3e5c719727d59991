"""Guessing a password of the admin is slow, over all web processes and from all names."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tasks.admin import login
from tasks.models import FailedLogins
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

RIGHT = "the right one"


@pytest.fixture
def user():
    user = UserFactory(username="ann", is_staff=True)
    user.set_password(RIGHT)
    user.save()
    return user


def log_in(client, password=RIGHT, username="ann", **headers):
    """Post the form; return whether that let us in, and what the page says."""
    form = {"username": username, "password": password}
    answer = client.post("/admin/login/", form, **headers)
    return answer.status_code == 302, answer.content.decode()


def guess(client, times, **where):
    for number in range(times):
        assert not log_in(client, f"wrong {number}", **where)[0]


def test_after_too_many_wrong_passwords_not_even_the_right_one_helps(client, user):
    guess(client, login.MAX_FAILURES)
    is_in, text = log_in(client)
    assert not is_in
    assert "too many failed logins" in text
    assert "5 minutes" in text


def test_what_is_throttled_is_429_and_says_until_when(client, user):
    guess(client, login.MAX_FAILURES)
    form = {"username": "ann", "password": RIGHT}
    answer = client.post("/admin/login/", form)
    assert (answer.status_code, answer["Retry-After"]) == (429, "300")
    form["username"] = "bob"  # only wrong
    assert client.post("/admin/login/", form).status_code == 200


def test_some_wrong_passwords_are_forgiven_and_forgotten(client, user):
    for _ in range(2):
        guess(client, login.MAX_FAILURES - 1)
        assert log_in(client)[0]


def test_the_name_is_the_same_however_it_is_written(client, user):
    guess(client, login.MAX_FAILURES, username="ANN")
    assert not log_in(client)[0]


def test_it_is_over_after_a_while(client, user):
    guess(client, login.MAX_FAILURES)
    FailedLogins.objects.update(since=timezone.now() - timedelta(minutes=5))
    assert log_in(client)[0]
    assert FailedLogins.objects.count() == 1  # what is over is not kept


def test_another_name_and_another_address_are_not_shut_out(client, user):
    guess(client, login.MAX_FAILURES, username="bob")
    assert log_in(client)[0]
    guess(client, login.MAX_FAILURES, REMOTE_ADDR="8.8.8.8")
    assert log_in(client)[0]


def test_one_address_does_not_try_all_names(client, user):
    for number in range(login.MAX_FAILURES_OF_ADDRESS // 10):
        guess(client, 10, username=f"user-{number}")
    assert not log_in(client)[0]
    assert log_in(client, REMOTE_ADDR="8.8.8.8")[0]


def test_logins_that_succeed_do_not_count(client, user, monkeypatch):
    monkeypatch.setattr(login, "MAX_FAILURES_OF_ADDRESS", 2)
    assert [log_in(client)[0] for _ in range(5)] == [True] * 5


@pytest.mark.parametrize(
    ("is_behind_proxy", "is_shut_out"), [(True, False), (False, True)]
)
def test_behind_a_proxy_its_last_word_is_the_address(
    client, user, settings, is_behind_proxy, is_shut_out
):
    settings.STAGENT_HTTPS = is_behind_proxy
    for number in range(login.MAX_FAILURES):
        forged = f"{number}.1.1.1, 9.9.9.9"
        guess(client, 1, HTTP_X_FORWARDED_FOR=forged)
    assert not log_in(client, HTTP_X_FORWARDED_FOR="7.7.7.7, 9.9.9.9")[0]
    is_in, _ = log_in(client, HTTP_X_FORWARDED_FOR="9.9.9.9, 8.8.8.8")
    assert is_in is not is_shut_out


@pytest.mark.parametrize("name", ["", "x" * 1000, "a\x00b", "ann\n", "é" * 254])
def test_a_strange_name_is_a_failed_login(client, name):
    assert not log_in(client, username=name)[0]
